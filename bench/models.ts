/**
 * Speed of the models: `npx tsx bench/models.ts [--glm4=FOLDER] [--flash=FOLDER] [--rounds=5] [--only=decode,prefill,quantized,host,curve,cache,cold]`.
 * The folders hold what `bench/real-widths/make.ts` writes; without them the rows that need them are left out.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LanguageModel, parseScheme, StepCost } from "@jaxscale/models";
import { examineDevice } from "jaxscale";
import { atLeast, atMost, counted } from "./figures.ts";
import { attentive, narrowModel, tiny } from "./models/narrow.ts";
import { type Recorded, recorded } from "./models/recorded.ts";
import { bestGemm, compareModels, measureDecode, measureHost, measurePrefill } from "./models/works.ts";
import type { Figure } from "./record.ts";
import { median } from "./statistics.ts";
import { type Reporter, runSuite } from "./suite.ts";

const { values } = parseArgs({
  options: {
    glm4: { type: "string" },
    flash: { type: "string" },
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "decode,prefill,quantized,host,curve,cache,cold" },
  },
});
const rounds = Number(values.rounds);
const wanted = new Set(values.only.split(","));
const folders = Object.entries({ glm4: values.glm4, flash: values.flash });

const rate = (value: number, unit: string): Figure => ({ name: "rate", value, unit });
/** What was recorded of llama.cpp for the same work, in times of ours. */
function againstRecorded(name: string, field: keyof Recorded, ours: number, goals: readonly number[]): Figure[] {
  const { vulkan, cpu } = recorded[name];
  return Object.entries({ Vulkan: vulkan, "on the processors": cpu }).flatMap(([where, figures]) => {
    const theirs = figures?.[field];
    if (theirs === undefined) return [];
    const label = `against llama.cpp ${where}, recorded ${theirs} ${field === "coldSeconds" ? "s" : "ms"}`;
    return [atLeast(label, theirs / ours, "×", ...(where === "Vulkan" ? goals : []))];
  });
}

type Roofs = Awaited<ReturnType<typeof examineDevice>>["roofs"];

/** With roofs measured right before and right after, the larger ones: other work may take a part of the device at any time. */
async function underRoofs<T>(work: () => Promise<T>): Promise<readonly [T, Pick<Roofs, (typeof rates)[number]>]> {
  const before = (await examineDevice({ anew: true })).roofs;
  const done = await work();
  const after = (await examineDevice({ anew: true })).roofs;
  const larger = rates.map((name) => [name, Math.max(before[name], after[name])] as const);
  return [done, Object.fromEntries(larger) as Pick<Roofs, (typeof rates)[number]>];
}
const rates = ["readGigabytesPerSecond", "bfloat16GigabytesPerSecond", "gigaflopsPerSecond"] as const;

async function decode({ add }: Reporter, name: string, language: LanguageModel): Promise<void> {
  const [decoded, roofs] = await underRoofs(() => measureDecode(language, { present: 64, capacity: 128, rounds }));
  const { samples, bytes, submits, dispatches, pipelines } = decoded;
  const ms = median(samples);
  const reached = bytes / ms / 1e6;
  add({
    name: `decode, ${name}, 64 present`,
    unit: "ms",
    samples: { jaxscale: samples },
    figures: [
      rate(1000 / ms, "tokens/s"),
      rate(reached, "GB/s"),
      atLeast(
        "MBU of the bfloat16 roof",
        (100 * reached) / roofs.bfloat16GigabytesPerSecond,
        "%",
        ...(name === "glm4" ? [85, 90] : [80, 85]),
      ),
      atLeast("MBU of the read roof", (100 * reached) / roofs.readGigabytesPerSecond, "%"),
      ...againstRecorded(name, "decodeMs", ms, [1.5, 3]),
      counted("submits", submits, "", 1),
      counted("dispatches", dispatches),
      counted("pipelines", pipelines),
    ],
  });
}

async function prefill({ add }: Reporter, name: string, language: LanguageModel): Promise<void> {
  const tokens = 512;
  const gemm = await bestGemm({ rounds });
  const [samples, roofs] = await underRoofs(() => measurePrefill(language, tokens, { rounds: Math.min(rounds, 3) }));
  const ms = median(samples);
  const reached = new StepCost(language.model).prefill(tokens).flops / ms / 1e6;
  const ofGemm = (100 * reached) / gemm;
  add({
    name: `prefill ${tokens}, ${name}`,
    unit: "ms",
    samples: { jaxscale: samples },
    figures: [
      rate((1000 * tokens) / ms, "tokens/s"),
      rate(reached, "GFLOP/s"),
      atLeast("MFU", (100 * reached) / roofs.gigaflopsPerSecond, "%"),
      atLeast(
        `of the library's best product, ${gemm.toFixed(1)} GFLOP/s`,
        ofGemm,
        "%",
        ...(name === "glm4" ? [80] : []),
      ),
      ...againstRecorded(name, "prefillMs", ms, [1, 1.5]),
    ],
  });
}

async function cached({ add }: Reporter, name: string, language: LanguageModel): Promise<void> {
  const { samples } = await measureDecode(language, { present: 256, capacity: 512, rounds });
  const again = await measurePrefill(language, 256, { rounds: Math.min(rounds, 3) });
  add({
    name: `decode, ${name}, 256 present`,
    unit: "ms",
    samples: { jaxscale: samples, "own, all again": again },
    figures: [atLeast("against computing all again", median(again) / median(samples), "×", 10)],
  });
}

async function atRealWidths(report: Reporter, name: string, folder: string | undefined): Promise<void> {
  if (!["decode", "prefill", "cache", "cold"].some((work) => wanted.has(work))) return;
  if (folder === undefined) {
    report.leaveOut(`${name} at real widths: npx tsx bench/real-widths/make.ts ${name} FOLDER, then --${name}=FOLDER`);
    return;
  }
  if (wanted.has("cold")) coldStart(report, name, folder);
  const language = await LanguageModel.load(folder);
  if (wanted.has("decode")) await decode(report, name, language);
  if (wanted.has("prefill")) await prefill(report, name, language);
  if (wanted.has("cache")) await cached(report, name, language);
  language.dispose();
}

/** The same weights in bfloat16, int8 and int4, embedding and head too, by turns. */
async function quantized({ add, leaveOut }: Reporter, name: string, folder: string | undefined): Promise<void> {
  if (!wanted.has("quantized")) return;
  if (folder === undefined) {
    leaveOut(`${name} quantized: needs --${name}=FOLDER, as at real widths`);
    return;
  }
  const languages: Record<string, LanguageModel> = {};
  for (const scheme of [undefined, "int8", "int4"]) {
    const weights = scheme === undefined ? undefined : parseScheme(scheme);
    const started = performance.now();
    let readBytes = 0;
    const language = await LanguageModel.load(folder, {
      dtype: "bfloat16",
      quantize: { weights, head: weights },
      onProgress: ({ totalBytes }) => {
        readBytes = totalBytes;
      },
    });
    const seconds = (performance.now() - started) / 1000;
    languages[scheme ?? "bfloat16"] = language;
    add({
      name: `loading ${name}, ${scheme ?? "bfloat16"}`,
      unit: "ms",
      samples: { jaxscale: [1000 * seconds] },
      figures: [rate(readBytes / seconds / 1e9, "GB/s read")],
    });
  }
  const { decode, prefill } = await compareModels(languages, { present: 64, tokens: 128, rounds });
  const goals: Readonly<Record<string, number>> = { int8: 1.4, int4: 1.8 };
  for (const [scheme, goal] of Object.entries(goals)) {
    const { bytes } = new StepCost(languages[scheme].model).decode([64]);
    const plain = new StepCost(languages.bfloat16.model).decode([64]);
    add({
      name: `decode, ${name}, ${scheme}, 64 present`,
      unit: "ms",
      samples: { jaxscale: decode[scheme], bfloat16: decode.bfloat16 },
      figures: [
        atLeast("against bfloat16", median(decode.bfloat16) / median(decode[scheme]), "×", goal),
        { name: "bytes of bfloat16's", value: (100 * bytes) / plain.bytes, unit: "%" },
        rate(bytes / median(decode[scheme]) / 1e6, "GB/s"),
      ],
    });
    add({
      name: `prefill 128, ${name}, ${scheme}`,
      unit: "ms",
      samples: { jaxscale: prefill[scheme], bfloat16: prefill.bfloat16 },
      figures: [atLeast("against bfloat16", median(prefill.bfloat16) / median(prefill[scheme]), "×", 0.9)],
    });
  }
  for (const language of Object.values(languages)) language.dispose();
}

async function host({ add }: Reporter): Promise<void> {
  const depths = [40, 1];
  for (const layers of depths) {
    const language = narrowModel({ ...tiny, layers });
    const { submits, dispatches, pipelines } = await measureDecode(language, { present: 64, capacity: 128, rounds });
    const samples = await measureHost(language, { rounds: 20 * rounds });
    const isDeep = layers === depths[0];
    add({
      name: `host time of a step, ${layers} tiny ${layers === 1 ? "layer" : "layers"}`,
      unit: "ms",
      samples: { jaxscale: samples },
      figures: [
        atMost("median", median(samples), "ms", ...(isDeep ? [2, 1.5] : [])),
        counted("submits", submits, "", 1),
        counted("dispatches", dispatches),
        counted("pipelines", pipelines, "", ...(isDeep ? [40] : [])),
      ],
    });
    language.dispose();
  }
}

async function curve({ add }: Reporter): Promise<void> {
  const language = narrowModel(attentive);
  for (const present of [64, 256, 1024, 2048, 4096]) {
    const { samples } = await measureDecode(language, { present, capacity: 4352, rounds });
    const name = `${attentive.layers} layers of GLM-4's attention, ${present} of 4352 present`;
    add({ name, unit: "ms", samples: { jaxscale: samples } });
  }
  language.dispose();
}

function coldStart({ add }: Reporter, name: string, folder: string): void {
  const script = fileURLToPath(new URL("real-widths/run.ts", import.meta.url));
  const cache = mkdtempSync(join(tmpdir(), "shaders-"));
  const env = { ...process.env, MESA_SHADER_CACHE_DIR: cache };
  const args = ["--import", "tsx", script, folder, "--max_new_tokens=1"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  rmSync(cache, { recursive: true });
  const work = `to the first token with an empty driver cache, ${name}`;
  const said = /first token: ([\d.]+) s/.exec(stdout);
  if (!said) {
    add({ name: work, unit: "s", samples: {}, errors: { jaxscale: stderr.trim().split("\n").at(-1) ?? "" } });
    return;
  }
  const seconds = Number(said[1]);
  add({
    name: work,
    unit: "s",
    samples: { jaxscale: [seconds] },
    figures: [atMost("time", seconds, "s", 60, 20), ...againstRecorded(name, "coldSeconds", seconds, [])],
  });
}

await runSuite(async (report) => {
  for (const [name, folder] of folders) {
    await atRealWidths(report, name, folder);
    await quantized(report, name, folder);
  }
  if (wanted.has("host")) await host(report);
  if (wanted.has("curve")) await curve(report);
});
