/**
 * What sharding costs: `npx tsx bench/sharding.ts [--rounds=15] [--layers=2]`. Steps on one device and on a mesh take turns, so that a
 * busy machine disturbs them alike; ratios are medians over the turns.
 */
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ready, statistics } from "jaxscale";
import { align } from "./report.ts";
import { Runner, type StepSizes, stepArguments, stepOn, typesOnly } from "./sharding/step.ts";
import { median } from "./statistics.ts";

process.env.JAXSCALE_DEVICES ??= "8";
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, layers: { type: "string", default: "2" } },
});
const rounds = Number(values.rounds);
const sizes: StepSizes = {
  layers: Number(values.layers),
  batch: 1,
  tokens: 1,
  capacity: 256,
  hidden: 1024,
  heads: 16,
  keyHeads: 8,
  headDim: 64,
  feedForward: 2816,
};

const rows: string[][] = [["work", "measured", "", "to reach"]];
const add = (work: string, measured: string, beside = "", reach = ""): void => {
  rows.push([work, measured, beside, reach]);
  process.stderr.write(`${work}: ${measured}\n`);
};
const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
const ratio = (value: number): string => `${value.toFixed(2)} ×`;

const { name } = await ready();
console.log(`adapter: ${name}\nload average: ${loadavg()[0].toFixed(2)} on ${cpus().length} processors`);

/** Time of the processor for tracing, partitioning and stacking: the text of one device's program asks for all of them. */
function hostTime(devices: number, deep: StepSizes): number {
  const samples = Array.from({ length: 7 }, () => {
    const started = process.cpuUsage();
    stepOn(devices, deep)
      .lower(...stepArguments(typesOnly, deep))
      .asText("partitioned");
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  });
  return Math.min(...samples);
}
const deep = { ...sizes, layers: 40 };
const [traced, partitioned] = [hostTime(1, deep), hostTime(8, deep)];
add("40 layers traced, simplified and printed", ms(traced), "of the processor");
add("40 layers partitioned over 8 besides", ms(partitioned - traced), "of the processor", "1000 ms");

for (const [work, tokens, present] of [
  ["decode, 128 present", 1, 128],
  ["prefill 128", 128, 0],
] as const) {
  const runners = await Promise.all([1, 2, 8].map((devices) => Runner.make(devices, { ...sizes, tokens }, present)));
  const samples = runners.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, runner] of runners.entries()) samples[i].push(await runner.sample());
  const [alone] = runners;
  add(`${work}, one device`, ms(median(samples[0])), `${alone.dispatches} dispatches`);
  runners.slice(1).forEach((runner, i) => {
    const { devices, dispatches, peakBytes } = runner;
    const on = `${work}, tensor = ${devices}`;
    const times = samples[i + 1].map((time, round) => time / samples[0][round]);
    add(`${on}: time`, ratio(median(times)), ms(median(samples[i + 1])), devices === 2 ? "1.15 ×" : "");
    add(`${on}: dispatches`, ratio(dispatches / alone.dispatches), `${dispatches}`, devices === 8 ? "1.5 ×" : "");
    add(`${on}: peak memory`, ratio(peakBytes / alone.peakBytes), `${(peakBytes / 2 ** 20).toFixed(1)} MiB`, "1.05 ×");
    const { sent, collectives } = runner;
    // Two all-reduces a layer, of float32 [1, tokens, hidden].
    const least = (2 * sizes.layers * 2 * (devices - 1) * tokens * sizes.hidden * 4) / devices;
    add(`${on}: bytes sent`, ratio(sent / least), `${sent} bytes a device by ${collectives}`, "1 ×");
  });
  for (const runner of runners) runner.dispose();
}
const before = statistics().submits;
const runner = await Runner.make(8, sizes, 0);
const made = statistics().submits;
await runner.step();
add("a decode step of 8 devices: submits", `${statistics().submits - made}`, `${made - before} to make it`, "1");

const child = spawnSync(
  process.execPath,
  ["--import", "tsx", fileURLToPath(new URL("sharding/all-reduce.ts", import.meta.url)), `${rounds}`],
  { encoding: "utf8", env: { ...process.env, JAXSCALE_ADAPTER: "any,any", JAXSCALE_DEVICES: "2" } },
);
if (child.status === 0) {
  const time = median(child.stdout.trim().split("\n").map(Number));
  add("all-reduce of 4 MB between two GPUDevices", ms(time), `${((4 * 2 ** 20) / time / 1e6).toFixed(2)} GB/s`);
} else add("all-reduce of 4 MB between two GPUDevices", "failed", child.stderr.trim().split("\n").at(-1));

console.log(`\n${align(rows)}`);
process.exit(0);
