/**
 * Speed of the models: `npx tsx bench/models.ts [--glm4=FOLDER] [--flash=FOLDER] [--rounds=5] [--only=decode,prefill,host,curve,cache,cold]`.
 * The folders hold what `bench/real-widths/make.ts` writes; without them the rows that need them are left out. Ratios are of one run.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LanguageModel, StepCost } from "@jaxscale/models";
import { examineDevice } from "jaxscale";
import { attentive, narrowModel, tiny } from "./models/narrow.ts";
import { recorded } from "./models/recorded.ts";
import { bestGemm, measureDecode, measureHost, measurePrefill } from "./models/works.ts";
import { align } from "./report.ts";

const { values } = parseArgs({
  options: {
    glm4: { type: "string" },
    flash: { type: "string" },
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "decode,prefill,host,curve,cache,cold" },
  },
});
const rounds = Number(values.rounds);
const wanted = new Set(values.only.split(","));
const folders = Object.entries({ glm4: values.glm4, flash: values.flash }).filter(
  (entry): entry is [string, string] => entry[1] !== undefined,
);

const rows: string[][] = [["work", "measured", "", "to reach", "stretch"]];
const add = (work: string, measured: string, rate = "", reach = "", stretch = ""): void => {
  rows.push([work, measured, rate, reach, stretch]);
  process.stderr.write(`${work}: ${measured}; ${rate}\n`);
};
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;

const { adapter, roofs } = await examineDevice();
console.log(`adapter: ${adapter}\nload average: ${loadavg()[0].toFixed(2)} on ${cpus().length} processors`);
console.log(
  `roofs: ${roofs.readGigabytesPerSecond.toFixed(1)} GB/s reading f32, ${roofs.bfloat16GigabytesPerSecond.toFixed(1)} GB/s bfloat16 weights, ${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s`,
);

async function decode(name: string, language: LanguageModel): Promise<void> {
  const {
    ms: time,
    bytes,
    submits,
    dispatches,
    pipelines,
  } = await measureDecode(language, {
    present: 64,
    capacity: 128,
    rounds,
  });
  const rate = bytes / time / 1e6;
  const work = `decode, ${name}, 64 present`;
  add(
    work,
    ms(time),
    `${(1000 / time).toFixed(2)} tokens/s; ${(bytes / 1e9).toFixed(2)} GB read, ${rate.toFixed(1)} GB/s`,
  );
  const [reach, stretch] = name === "glm4" ? ["75 %", "90 %"] : ["60 %", "85 %"];
  add(`${work}: MBU, bfloat16 roof`, percent(rate / roofs.bfloat16GigabytesPerSecond), "", reach, stretch);
  add(`${work}: MBU, f32 streaming`, percent(rate / roofs.readGigabytesPerSecond));
  const { vulkan, cpu } = recorded[name];
  if (vulkan)
    add(
      `${work}: × llama.cpp Vulkan`,
      `${(vulkan.decodeMs / time).toFixed(2)} ×`,
      `${vulkan.decodeMs} ms, recorded`,
      "1.5 ×",
      "3 ×",
    );
  add(
    `${work}: × llama.cpp on the processors`,
    `${(cpu.decodeMs / time).toFixed(2)} ×`,
    `${cpu.decodeMs} ms, recorded`,
  );
  add(`${work}: submits a step`, `${submits}`, `${dispatches} dispatches, ${pipelines} pipelines`, "1", "1");
}

async function prefill(name: string, language: LanguageModel, gemm: number): Promise<void> {
  const tokens = 512;
  const time = await measurePrefill(language, tokens, { rounds: Math.min(rounds, 3) });
  const rate = new StepCost(language.model).prefill(tokens).flops / time / 1e6;
  const work = `prefill ${tokens}, ${name}`;
  add(work, ms(time), `${((1000 * tokens) / time).toFixed(1)} tokens/s, ${rate.toFixed(1)} GFLOP/s`);
  add(`${work}: MFU`, percent(rate / roofs.gigaflopsPerSecond));
  add(
    `${work}: of the library's best GEMM`,
    percent(rate / gemm),
    `${gemm.toFixed(1)} GFLOP/s`,
    name === "glm4" ? "80 %" : "",
  );
  const { vulkan, cpu } = recorded[name];
  for (const [where, figures] of Object.entries({ Vulkan: vulkan, "on the processors": cpu }))
    if (figures) {
      const { prefillGigaflopsPerSecond: theirs } = figures;
      const goals = where === "Vulkan" ? ["1 ×", "1.5 ×"] : [];
      add(`${work}: × llama.cpp ${where}`, `${(rate / theirs).toFixed(2)} ×`, `${theirs} GFLOP/s, recorded`, ...goals);
    }
}

async function cached(name: string, language: LanguageModel): Promise<void> {
  const step = await measureDecode(language, { present: 256, capacity: 512, rounds });
  const again = await measurePrefill(language, 256, { rounds: Math.min(rounds, 3) });
  add(
    `256 tokens, ${name}: cached step, against all again`,
    `${(again / step.ms).toFixed(1)} ×`,
    `${ms(step.ms)}, ${ms(again)}`,
    "10 ×",
  );
}

for (const [name, folder] of folders) {
  if (!["decode", "prefill", "cache"].some((work) => wanted.has(work))) continue;
  const language = await LanguageModel.load(folder);
  if (wanted.has("decode")) await decode(name, language);
  if (wanted.has("prefill")) await prefill(name, language, await bestGemm({ rounds }));
  if (wanted.has("cache")) await cached(name, language);
  language.dispose();
}

if (wanted.has("host")) {
  const depths = [40, 1];
  for (const layers of depths) {
    const language = narrowModel({ ...tiny, layers });
    const { submits, dispatches, pipelines } = await measureDecode(language, { present: 64, capacity: 128, rounds });
    const host = await measureHost(language, { rounds: 20 * rounds });
    const work = `a step of ${layers} tiny ${layers === 1 ? "layer" : "layers"}`;
    const isDeep = layers === depths[0];
    add(`${work}: host time`, ms(host), `${dispatches} dispatches`, isDeep ? "2 ms" : "", isDeep ? "1 ms" : "");
    add(`${work}: submits`, `${submits}`, "", "1", "1");
    add(`${work}: pipelines`, `${pipelines}`, "", isDeep ? "40" : "", isDeep ? "30" : "");
    language.dispose();
  }
}

if (wanted.has("curve")) {
  const language = narrowModel(attentive);
  for (const present of [64, 256, 1024, 2048, 4096]) {
    const { ms: time } = await measureDecode(language, { present, capacity: 4352, rounds });
    add(`${attentive.layers} layers of GLM-4's attention, ${present} of 4352 present`, ms(time));
  }
  language.dispose();
}

if (wanted.has("cold"))
  for (const [name, folder] of folders) {
    const script = fileURLToPath(new URL("real-widths/run.ts", import.meta.url));
    const args = ["--import", "tsx", script, folder, "--max_new_tokens=1"];
    const cache = mkdtempSync(join(tmpdir(), "shaders-"));
    const env = { ...process.env, MESA_SHADER_CACHE_DIR: cache };
    const text = execFileSync(process.execPath, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    rmSync(cache, { recursive: true });
    const seconds = /first token: ([\d.]+) s/.exec(text)?.[1] ?? "?";
    const theirs = recorded[name].vulkan?.coldSeconds;
    const note = theirs ? `llama.cpp Vulkan ${theirs} s, recorded` : "";
    add(`cold driver cache to the first token, ${name}`, `${seconds} s`, note, "60 s", "20 s");
  }

console.log(`\n${align(rows)}\n\nload average: ${loadavg()[0].toFixed(2)}`);
process.exit();
