/**
 * Speed in one run: `npm run bench` for kernels beside other systems, about a minute; `npm run bench -- --all` for every suite, which
 * also writes `bench/RESULTS.md`. docs/benchmarks.md has the options.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ready } from "jaxscale";
import { changeHead, changeRow, compareRecords } from "./compare.ts";
import { installedVersion, systems } from "./contender.ts";
import type { BenchRecord, SuiteRecord } from "./record.ts";
import { align, tableHead, tableRow } from "./report.ts";
import { writeResults } from "./results.ts";
import { runAsChild } from "./run-suite.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    suites: { type: "string" },
    rounds: { type: "string" },
    samples: { type: "string" },
    scale: { type: "string" },
    glm4: { type: "string" },
    flash: { type: "string" },
    repeats: { type: "string" },
    against: { type: "string" },
    from: { type: "string" },
    output: { type: "string" },
    results: { type: "string" },
  },
});

type Option = Exclude<keyof typeof values, "all">;
/** The suites, with the options that each takes. */
const suites: Readonly<Record<string, readonly Option[]>> = {
  kernels: ["rounds", "samples", "scale"],
  models: ["rounds", "glm4", "flash"],
  attention: ["rounds"],
  loops: ["rounds"],
  sharding: ["rounds"],
  "cold-training": ["repeats"],
};
const names = values.suites?.split(",") ?? (values.all ? Object.keys(suites) : ["kernels"]);
for (const name of names)
  if (!(name in suites))
    throw new Error(`bench: suites must be some of ${Object.keys(suites).join(", ")}; got ${name}`);

const folder = new URL("./", import.meta.url);
const readRecord = (file: string): BenchRecord => JSON.parse(readFileSync(file, "utf8"));
const versionIn = (manifest: string): string =>
  JSON.parse(readFileSync(new URL(manifest, import.meta.url), "utf8")).version;

/** Without places on this machine, which mean nothing elsewhere. */
const command = ["npm run bench --", ...process.argv.slice(2)]
  .join(" ")
  .replace(/--(glm4|flash)[= ]\S+/g, "--$1=FOLDER")
  .replace(/--(against|output|results)[= ]\S+/g, "--$1=…");

async function run(): Promise<BenchRecord> {
  const target = await ready();
  const head = {
    date: new Date().toISOString(),
    command,
    adapter: target.name,
    target,
    processors: cpus().map(({ model }) => model),
    versions: {
      node: process.version,
      jaxscale: versionIn("../packages/jaxscale/package.json"),
      webgpu: versionIn("../node_modules/webgpu/package.json"),
      ...Object.fromEntries(systems.map((system) => [system, installedVersion(system)]).filter(([, known]) => known)),
    },
  };
  const done: SuiteRecord[] = [];
  for (const name of names) {
    const options = suites[name].flatMap((option) =>
      values[option] === undefined ? [] : [`--${option}=${values[option]}`],
    );
    done.push(await runAsChild(name, [...options, ...(name === "kernels" ? positionals : [])]));
  }
  return { ...head, suites: done };
}

const record = values.from === undefined ? await run() : readRecord(values.from);
if (values.from === undefined) {
  const file = resolve(
    values.output ?? fileURLToPath(new URL(`results/${record.date.replaceAll(":", "-")}.json`, folder)),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(record, undefined, 1)}\n`);
  console.log(`written: ${file}`);
}

console.log(`adapter: ${record.adapter}; ${record.processors.length} processors`);
for (const { name, seconds, measurements, leftOut, error } of record.suites) {
  const load = measurements.map((measurement) => measurement.load);
  console.log(
    `\n${name}: ${seconds.toFixed(0)} s, load average ${Math.min(...load).toFixed(2)} to ${Math.max(...load).toFixed(2)}`,
  );
  for (const what of leftOut) console.log(`left out: ${what}`);
  if (error) console.log(`failed: ${error}`);
  if (measurements.length > 0) console.log(align([tableHead, ...measurements.map(tableRow)]));
}

const before = values.against === undefined ? undefined : readRecord(values.against);
if (before) {
  if (before.adapter !== record.adapter)
    throw new Error(`bench: runs must be of one adapter to be compared; got ${before.adapter} and ${record.adapter}`);
  console.log(`\nagainst ${before.date}\n${align([changeHead, ...compareRecords(before, record).map(changeRow)])}`);
}
const results = values.results ?? (values.all ? fileURLToPath(folder) : undefined);
if (results !== undefined)
  for (const file of writeResults(resolve(results), record, before)) console.log(`written: ${file}`);

const failed = record.suites.some(
  ({ error, measurements }) => error || measurements.some(({ errors }) => errors.jaxscale),
);
process.exit(failed ? 1 : 0);
