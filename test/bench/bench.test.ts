import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BenchRecord, loads } from "../../bench/record.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bench-"));
test.after(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, ["--import", "tsx", "bench/main.ts", ...args], { cwd: root, encoding: "utf8" });
}
const read = (file: string): string => readFileSync(join(folder, file), "utf8");

if (process.env.JAXSCALE_FULL === "1")
  test("the bench measures every row on small sizes, records what it ran on, and writes the page", () => {
    const file = join(folder, "kernels.json");
    const { stdout, stderr, status } = bench(
      ...["--scale=small", "--rounds=1", "--samples=2", `--output=${file}`, `--results=${folder}`],
    );
    assert.is(status, 0, `${stdout}\n${stderr}`);
    for (const work of ["matmul", "GEMV", "softmax", "elementwise chain", "transformer block", "tiny jitted call"])
      assert.match(stdout, new RegExp(`^${work}.*(met|missed|not measured)`, "m"));
    const record: BenchRecord = JSON.parse(read("kernels.json"));
    for (const field of ["date", "command", "adapter", "target", "processors", "versions"] as const)
      assert.ok(record[field], field);
    const [{ name, measurements }] = record.suites;
    assert.is(name, "kernels");
    for (const { name, samples, errors } of measurements) {
      assert.is(samples.jaxscale.length, 2, name);
      assert.equal(errors, {}, name);
    }
    const block = measurements.find(({ name }) => name.startsWith("transformer block"));
    assert.is(block?.figures.find(({ name }) => name === "submits")?.value, 1);
    const page = read("RESULTS.md");
    for (const { name } of measurements) assert.ok(page.includes(`| ${name} |`), name);
    assert.ok(page.includes(`load average | ${loads(record.suites)[0].toFixed(2)} to`));
    assert.match(read("RESULTS-times.svg"), /^<svg .*tiny jitted call.*<\/svg>\n$/s);

    // From the file, without measuring: against itself nothing changed.
    const again = bench(`--from=${file}`, `--against=${file}`);
    assert.is(again.status, 0, again.stderr);
    assert.match(again.stdout, /^kernels +matmul.* 1\.00 .* noise/m);
    assert.not.match(again.stdout, /^kernels .*(better|worse)/m);
  });

test("an unknown suite or size is refused with the known ones", () => {
  assert.match(bench("--suites=kernel").stderr, /suites must be some of kernels, models, .*; got kernel\n/);
  assert.match(bench("--scale=huge").stdout, /^failed: .*scale must be one of full, small; got huge/m);
});

// Of some minutes: every suite, also those that take full sizes only.
if (process.env.JAXSCALE_FULL === "1")
  test("every suite runs to its end", () => {
    const { stdout, stderr, status } = bench("--all", "--scale=small", "--rounds=1", `--results=${folder}`);
    assert.is(status, 0, `${stdout}\n${stderr}`);
    for (const name of ["kernels", "models", "attention", "loops", "sharding", "cold-training"])
      assert.match(stdout, new RegExp(`^${name}: \\d+ s`, "m"));
    assert.not.match(stdout, /failed/);
  });

test.run();
