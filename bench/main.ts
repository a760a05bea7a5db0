/**
 * Speed, as ratios in one run: `npm run bench -- [part of a row's name …] [--rounds=7] [--samples=3] [--scale=full]`.
 * Other systems take part where `npm install --ignore-scripts` was run in `bench/peers`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ready } from "jaxscale";
import { isInstalled, type System } from "./contender.ts";
import { Arena, type RowResult } from "./measure.ts";
import { align, tableHead, tableRow } from "./report.ts";
import { rowsFor, scales } from "./rows.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    samples: { type: "string", default: "3" },
    scale: { type: "string", default: "full" },
  },
});
const scale = scales[values.scale as keyof typeof scales];
if (!scale) throw new Error(`bench: scale must be one of ${Object.keys(scales).join(", ")}; got ${values.scale}`);
const effort = { rounds: Number(values.rounds), samplesPerRound: Number(values.samples) };
const rows = rowsFor(scale).filter((r) => positionals.length === 0 || positionals.some((p) => r.name.includes(p)));

const target = await ready();
const absent = (["jax-js", "plain WGSL", "llama.cpp"] as System[]).filter((system) => !isInstalled(system));
console.log(`adapter: ${target.name}`);
console.log(`load average: ${loadavg()[0].toFixed(2)} on ${cpus().length} processors`);
if (absent.length > 0)
  console.log(`not installed in bench/peers, so not measured: ${absent.join(", ")} (see the README there)`);

const arena = new Arena(scale.streamBytes);
const results: RowResult[] = [];
const loads: number[] = [];
for (const row of rows) {
  process.stderr.write(`${row.name} …\n`);
  results.push(await arena.measure(row, effort));
  loads.push(loadavg()[0]);
}
arena.close();

console.log(`\n${align([tableHead, ...results.map(tableRow)])}`);
for (const { row, errors } of results)
  for (const [label, message] of Object.entries(errors)) console.log(`${row.name}: ${label} failed: ${message}`);

const folder = new URL("results/", import.meta.url);
mkdirSync(folder, { recursive: true });
const version = (path: string): string => {
  try {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).version;
  } catch {
    return "not installed";
  }
};
const record = {
  date: new Date().toISOString(),
  adapter: target.name,
  target,
  processors: cpus().map(({ model }) => model),
  versions: {
    node: process.version,
    jaxscale: version("../packages/jaxscale/package.json"),
    webgpu: version("../node_modules/webgpu/package.json"),
    "jax-js": version("peers/node_modules/@jax-js/jax/package.json"),
    "llama.cpp": version("peers/node_modules/@node-llama-cpp/linux-x64-vulkan/package.json"),
  },
  effort,
  scale,
  rows: results.map(({ row, ...result }, i) => ({ name: row.name, unit: row.unit, loadAverage: loads[i], ...result })),
};
const file = new URL(`${record.date.replaceAll(":", "-")}.json`, folder);
writeFileSync(file, JSON.stringify(record, undefined, 2));
console.log(`\nwritten: ${fileURLToPath(file)}`);
process.exit(results.some((r) => r.errors.jaxscale) ? 1 : 0);
