/** `jaxscale benchmark compare`: what is worse beyond noise, what was not the same, and files that are no reports. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareReports } from "../../packages/cli/src/compare/comparison.ts";
import { type ComparedCell, type Comparison, hasTimes } from "../../packages/cli/src/compare/comparison-data.ts";
import { readReport } from "../../packages/cli/src/compare/read-report.ts";
import { comparisonTable } from "../../packages/cli/src/compare/table.ts";
import { after, before, benchmarkFile, benchmarkRow } from "./benchmark-files.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "compare-"));
test.after(() => rmSync(folder, { recursive: true }));

/** Writes a file, as JSON unless it is a text already. */
function written(name: string, content: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

const comparisonOf = (...contents: readonly unknown[]): Comparison =>
  compareReports(contents.map((content, i) => readReport(written(`${"abc"[i]}.json`, content))));

const timed = (cell: ComparedCell | null) => {
  assert.ok(hasTimes(cell), JSON.stringify(cell));
  return cell;
};

test("a change is marked where median and fastest repeat moved further than both files' repeats scatter", () => {
  const { configurations } = comparisonOf(before, after);
  const [, one] = configurations[0].cells.map(timed);
  // Quartiles of 10 to 10.4 are 10.1 and 10.3: a spread of 0.2 / 10.2.
  assert.ok(Math.abs((one.prefill.change?.noise ?? 0) - 0.2 / 10.2) < 1e-9);
  assert.is(one.prefill.change?.verdict, "noise");
  assert.is(one.decode.change?.verdict, "worse");
  assert.ok(Math.abs((one.decode.change?.ratio ?? 0) - 1.5) < 1e-9);
  assert.equal(
    [one.decode.low, one.decode.median, one.decode.high].map((x) => x.toFixed(2)),
    ["15.15", "15.30", "15.45"],
  );
  const [, two] = configurations[1].cells.map(timed);
  assert.equal([two.prefill.change?.verdict, two.decode.change?.verdict], ["better", "noise"]);
});

test("one repeat says nothing of noise, and marks nothing", () => {
  const of = (ms: number) => benchmarkFile([benchmarkRow(1, [ms], [ms])]);
  const [, cell] = comparisonOf(of(1), of(9)).configurations[0].cells.map(timed);
  assert.equal(cell.decode.change, { ratio: 9, noise: null, verdict: "noise" });
});

test("the table has a line a configuration and file; what failed or is in one file alone is said, and other machines", () => {
  const table = comparisonTable(comparisonOf(before, after));
  const lines = table.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, " | "));
  const b = join(folder, "b.json");
  assert.ok(lines.includes(`${b} | 10.21 | 1.00 | 2 % | 15.30 | 1.50 | 2 % | worse | 1.05 MB`), table);
  assert.ok(lines.includes(`${b} | 10.20 | 0.50 | 2 % | better | 20.00 | 1.96 | 5 % | 1.05 MB`), table);
  assert.match(table, /b\.json[ -]+memory: arrays must fit 1 GB\n/);
  assert.match(table, /^tp 1 · dp 1 · ep 1, batch 8, prompt 128 +\S+a\.json[ -]+not measured$/m);
  assert.match(table, /^other processor: \S+a\.json a processor, \S+b\.json another processor$/m);
  assert.match(table, /^other load: \S+a\.json 0\.5, \S+b\.json 7\.0$/m);
  assert.match(table, /^1 row is worse beyond noise\./m);
});

test("files that are no reports, or have nothing in common, are refused by name and key", () => {
  const good = benchmarkRow(1, [1], [1]);
  const refusals: readonly (readonly [content: unknown, message: RegExp])[] = [
    ["{", /a\.json: must be JSON; got /],
    ["[]", /a\.json: must be an object; got \[\]/],
    ["null", /a\.json: must be an object; got null/],
    [
      { ...before, format: "jaxscale benchmark 2" },
      /format must be "jaxscale benchmark 1".*; got "jaxscale benchmark 2"/,
    ],
    [{}, /format must be "jaxscale benchmark 1".*; got nothing/],
    [{ ...before, rows: {} }, /rows must be a list; got \{\}/],
    [{ ...before, rows: [{ ...good, batch: "1" }] }, /rows\[0\]\.batch must be a number, at least 1; got "1"/],
    [{ ...before, rows: [good, { ...good, runs: [] }] }, /rows\[1\]\.runs must be a list that is not empty; got \[\]/],
    [
      { ...before, rows: [benchmarkRow(1, [0], [1])] },
      /rows\[0\]\.runs\[0\]\.prefillMs must be a number above 0; got 0/,
    ],
    [{ ...before, environment: undefined }, /environment must be an object; got nothing/],
    [{ ...before, environment: { ...before.environment, load: null } }, /environment\.load must be a number/],
    [
      benchmarkFile([benchmarkRow(3, [1], [1])]),
      /must have measured the same configuration; got \S+a\.json tp 1.*batch 3/,
    ],
    [benchmarkFile([]), /a\.json none \| /],
  ];
  for (const [content, message] of refusals) assert.throws(() => comparisonOf(content, before), message);
  assert.throws(() => readReport(join(folder, "none.json")), /none\.json: must be a file that can be read; got ENOENT/);
});

test("the command prints the table or JSON, writes the page, and refuses in a sentence", async () => {
  const files = [written("a.json", before), written("b.json", after)];
  const html = join(folder, "page.html");
  const compare = ["benchmark", "compare"];
  const [whole, one, hostile] = await Promise.all([
    jaxscale([...compare, ...files, "--html", html, "--json"]),
    jaxscale([...compare, files[0]]),
    jaxscale([...compare, files[0], written("c.json", "<html>")]),
  ]);
  assert.is(whole.code, 0, whole.errors);
  assert.is(JSON.parse(whole.output).configurations.length, 4);
  assert.match(whole.errors, /to look at: .*page\.html/);
  assert.match(readFileSync(html, "utf8"), /^<!doctype html>/);
  assert.is(one.code, 2);
  assert.match(one.errors, /compare takes two files or more; got \S+a\.json/);
  assert.is(hostile.code, 1);
  assert.match(hostile.errors, /^RangeError: \S+c\.json: must be JSON; got [^\n]+\n$/);
});

test.run();
