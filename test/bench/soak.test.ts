import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as jax from "jaxscale";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { narrowModel, tiny } from "../../bench/models/narrow.ts";
import { growthOf, type Series, theilSen } from "../../bench/soak/growth.ts";
import { growthSentence, soakPage } from "../../bench/soak/page.ts";
import { seriesOf, soak } from "../../bench/soak/soak.ts";
import { allWorks, randomNumbers } from "../../bench/soak/workload.ts";

const test = suite("soak");

const random = randomNumbers(1);
/** A sample a second around a value: memory that breathes. */
const sampled = (value: (second: number) => number, allowed: number): Series => {
  const seconds = Array.from({ length: 300 }, (_, i) => i);
  return { name: "memory", unit: "MiB", seconds, values: seconds.map(value), allowed };
};
const noise = (): number => 8 * (random() - 0.5);

test("the slope is the median of the slopes of all pairs", () => {
  const x = Array.from({ length: 10 }, (_, i) => i);
  // As scipy.stats.theilslopes gives for these numbers.
  const y = [0, 1, 2, 3, 100, 5, 6, 7, 8, 9];
  assert.is(theilSen(x, y).slope, 1);
  assert.ok(theilSen(x, y).least <= 1);
  assert.throws(() => theilSen([1, 2], [1, 2]), /at least 10 points are needed; got 2/);
});

test("a leak under noise is found, noise alone is not", () => {
  // 10 KiB a second, where samples scatter by 8 MiB.
  const leak = growthOf(sampled((second) => 500 + noise() + second / 100, 1));
  assert.ok(leak.isGrowing);
  assert.ok(Math.abs(leak.slope - 0.01) < 0.004, `${leak.slope}`);
  for (let i = 0; i < 20; i++) assert.not(growthOf(sampled(() => 500 + noise(), 1)).isGrowing);
});

test("what is exact may not grow at all; a fall and a few outliers are no growth", () => {
  const exact = (value: (second: number) => number): boolean => growthOf(sampled(value, 0)).isGrowing;
  assert.not(exact(() => 42));
  assert.ok(exact((second) => Math.floor(second / 10)));
  assert.not(exact((second) => 400 - second));
  assert.not(exact((second) => (second % 50 === 0 ? 1000 : 42)));
});

test("growth below what is allowed is steady", () => {
  assert.not(growthOf(sampled((second) => 500 + second / 1000, 1)).isGrowing);
});

const fewWorks = allWorks({ chats: false }).slice(0, 2);
const load = async () => narrowModel({ ...tiny, layers: 1 });

if (process.env.JAXSCALE_FULL === "1")
  test("generations of a small model leave arrays, buffers and pipelines as they were, loading anew included", async () => {
    const soaked = await soak(load, { minutes: 0, works: fewWorks, reloadEvery: 2 });
    assert.ok(soaked.reloads > 3, `${soaked.reloads} reloads`);
    const judged = Object.fromEntries(seriesOf(soaked).map((series) => [series.name, growthOf(series)]));
    for (const name of ["device memory in use", "buffers in use", "pipelines"])
      assert.not(judged[name].isGrowing, `${name} grew by ${judged[name].growth}`);
  });

test("a generation that keeps an array is found", async () => {
  const kept: jax.Array[] = [];
  const leaking = fewWorks.map((work): typeof work => async (language, random) => {
    await work(language, random);
    kept.push(await jax.numpy.ones([256]).blockUntilReady());
  });
  const soaked = await soak(load, { minutes: 0, works: leaking });
  const grown = seriesOf(soaked).map((series) => ({ ...series, ...growthOf(series) }));
  const device = grown.find(({ name }) => name === "device memory in use");
  assert.ok(device?.isGrowing);
  assert.match(growthSentence(device), /^device memory in use grows: by .* MiB from \d+ s to \d+ s, .* MiB an hour/);
  assert.match(
    soakPage({ title: "a run", adapter: "an adapter", judged: grown }),
    /class="grows">device memory in use/,
  );
  for (const array of kept) array.dispose();
});

if (process.env.JAXSCALE_FULL === "1")
  test("the command writes its plots and says what is steady", () => {
    const folder = mkdtempSync(join(tmpdir(), "soak-"));
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const args = ["--import", "tsx", "bench/soak.ts", "--minutes=0.5", `--output=${folder}`];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    assert.match(stdout, /^device memory in use +.*steady$/m, stderr);
    assert.match(stdout, /^pipelines +.*steady$/m);
    const record = JSON.parse(readFileSync(join(folder, "soak.json"), "utf8"));
    assert.ok(record.samples.length > 10);
    assert.match(readFileSync(join(folder, "soak.html"), "utf8"), /<svg.*<figcaption/s);
    rmSync(folder, { recursive: true });
  });

test.run();
