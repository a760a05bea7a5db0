/** Memory over time, made short enough to plot. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memorySeries } from "../../packages/jaxscale/src/profile/memory-series.ts";

const change = (atMs: number, holder: string, bytes: number) => ({ atMs, holder, bytes, poolBytes: 1000 });

test("each owner's bytes add up to those in use", () => {
  const series = memorySeries([change(10, "a", 4), change(11, "b", 6), change(12, "a", -4)], 10);
  assert.equal(series.timesMs, [0, 1, 2]);
  assert.equal(series.liveBytes, [4, 10, 6]);
  assert.is(series.peakBytes, 10);
  assert.equal(series.owners, [
    { name: "b", bytes: [0, 6, 6] },
    { name: "a", bytes: [4, 4, 0] },
    { name: "others", bytes: [0, 0, 0] },
  ]);
});

test("no peak is lost to few points", () => {
  const changes = Array.from({ length: 1000 }, (_, i) => [change(i, "x", 7), change(i + 0.5, "x", -7)]).flat();
  const series = memorySeries(changes, 0, 50);
  assert.ok(series.timesMs.length <= 51, `${series.timesMs.length} points`);
  assert.is(Math.max(...series.liveBytes), 7);
  assert.is(series.peakBytes, 7);
});

test("the smallest of many owners are taken together", () => {
  const changes = Array.from({ length: 20 }, (_, i) => change(i, `owner ${i}`, 100 - i));
  const { owners, liveBytes } = memorySeries(changes, 0);
  assert.is(owners.length, 10);
  const last = owners.map(({ bytes }) => bytes.at(-1) as number);
  assert.is(
    last.reduce((a, b) => a + b, 0),
    liveBytes.at(-1),
  );
});

test.run();
