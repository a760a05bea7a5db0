/**
 * Minutes of decoding with changing prompts, batches and settings: `npx tsx bench/soak.ts [--minutes=5] [--model_path=FOLDER]
 * [--reload_every=N] [--seed=0] [--output=FOLDER]`. Exits with 1 and a sentence if device memory, host memory, pipelines or the time of a
 * step grow after warm-up; writes `soak.json` and `soak.html` either way.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LanguageModel } from "@jaxscale/models";
import { align, shown } from "./report.ts";
import { growthOf } from "./soak/growth.ts";
import { growthSentence, soakPage } from "./soak/page.ts";
import { seriesOf, soak } from "./soak/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    model_path: {
      type: "string",
      default: fileURLToPath(new URL("../examples/checkpoints/glm-4-tiny", import.meta.url)),
    },
    reload_every: { type: "string" },
    seed: { type: "string", default: "0" },
    output: { type: "string", default: fileURLToPath(new URL("results", import.meta.url)) },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new RangeError(`soak: minutes must be above 0; got ${values.minutes}`);

const loadBefore = loadavg()[0];
let told = 0;
const soaked = await soak(() => LanguageModel.load(values.model_path), {
  minutes,
  seed: Number(values.seed),
  reloadEvery: values.reload_every === undefined ? undefined : Number(values.reload_every),
  onSample: ({ seconds, wallMs, deviceBytes, residentBytes, pipelines }) => {
    if (seconds < told) return;
    told = seconds + 15;
    const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    console.error(
      `${seconds.toFixed(0)} s: ${wallMs.toFixed(2)} ms a step, ${mib(deviceBytes)} on the device, ${mib(residentBytes)} resident, ${pipelines} pipelines`,
    );
  },
});
const series = seriesOf(soaked);
const judged = series.map((one) => ({ ...one, ...growthOf(one) }));
const load = [loadBefore, loadavg()[0]] as const;

const { adapter, works, reloads, warmSeconds, samples } = soaked;
const summary = `${works} works, ${reloads} reloads, judged from ${warmSeconds.toFixed(0)} s to ${samples[samples.length - 1].seconds.toFixed(0)} s, load average ${load[0].toFixed(2)} before, ${load[1].toFixed(2)} after`;
console.log(`adapter: ${adapter}\n${summary}`);
const rows = judged.map(({ name, unit, values, growth, allowed, isGrowing }) => [
  name,
  `${shown(values[0])} ${unit}`,
  `${shown(values[values.length - 1])} ${unit}`,
  `${shown(growth)} ${unit}`,
  `${shown(allowed)} ${unit}`,
  isGrowing ? "grows" : "steady",
]);
console.log(align([["", "first", "last", "growth of the line", "allowed", ""], ...rows]));

const folder = resolve(values.output);
mkdirSync(folder, { recursive: true });
const record = { date: new Date().toISOString(), model: values.model_path, minutes, load, ...soaked, judged };
writeFileSync(join(folder, "soak.json"), `${JSON.stringify(record)}\n`);
writeFileSync(join(folder, "soak.html"), soakPage({ title: summary, adapter, judged }));
console.log(`written: ${join(folder, "soak.json")}, ${join(folder, "soak.html")}`);

const growing = judged.filter(({ isGrowing }) => isGrowing);
for (const one of growing) console.log(growthSentence(one));
process.exit(growing.length > 0 ? 1 : 0);
