/** A decoding step and a prefill of layers like GLM-4's on a mesh: as many kernels, as much memory, and no byte sent too many. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomArrays, type StepSizes, stepArguments, stepOn, typesOnly } from "../../bench/sharding/step.ts";
import "../setup.ts";

process.env.JAXSCALE_DEVICES = "8";
await jax.ready();

const sizes: StepSizes = {
  layers: 2,
  batch: 1,
  tokens: 1,
  capacity: 32,
  hidden: 64,
  heads: 16,
  keyHeads: 8,
  headDim: 8,
  feedForward: 128,
};
const compiled = (devices: number, of: StepSizes): Promise<jax.Compiled> =>
  stepOn(devices, of)
    .lower(...stepArguments(typesOnly, of))
    .compile();
const dispatches = ({ program }: jax.Compiled): number => program.segments.flatMap(({ steps }) => steps).length;

for (const tokens of [1, 12])
  for (const devices of [2, 8])
    test(`${tokens} tokens on ${devices} devices: two all-reduces a layer, the kernels and the memory of one device`, async () => {
      const of = { ...sizes, tokens };
      const [alone, split] = [await compiled(1, of), await compiled(devices, of)];
      assert.equal(split.costAnalysis().communication, [
        {
          collective: "psum",
          axes: ["tensor"],
          count: 2 * of.layers,
          sizeBytes: (2 * of.layers * 2 * (devices - 1) * tokens * of.hidden * 4) / devices,
        },
      ]);
      assert.ok(
        dispatches(split) <= 1.5 * dispatches(alone),
        `${dispatches(split)} and ${dispatches(alone)} dispatches`,
      );
      const [peak, peakAlone] = [split, alone].map((step) => step.memoryAnalysis().peakSizeBytes);
      assert.ok(peak <= 1.05 * peakAlone, `${peak} and ${peakAlone} bytes`);
      // The caches, all of them, where they lay.
      const cacheBytes = 2 * of.layers * of.capacity * of.keyHeads * of.headDim * 2;
      assert.ok(split.memoryAnalysis().aliasSizeBytes >= cacheBytes);
    });

test("three steps, each one submit, give what one device gives", async () => {
  const start = (): jax.Array => jax.numpy.array(0, { dtype: "int32" });
  const run = async (devices: number): Promise<readonly [values: Float32Array, submits: number]> => {
    const step = stepOn(devices, sizes);
    const [given, blocks, x] = stepArguments(randomArrays, sizes);
    let [caches, y] = [given, x];
    let at = start();
    let submits = 0;
    for (let i = 0; i < 3; i++) {
      await Promise.all((jax.tree.leaves(caches) as jax.Array[]).map((cache) => cache.blockUntilReady()));
      await at.blockUntilReady();
      const before = jax.statistics().submits;
      [caches, y] = step(caches, blocks, y, at);
      await y.blockUntilReady();
      submits = jax.statistics().submits - before;
      at = jax.numpy.array(i + 1, { dtype: "int32" });
    }
    return [(await y.data()) as Float32Array, submits];
  };
  const [want] = await run(1);
  for (const devices of [2, 8]) {
    const [got, submits] = await run(devices);
    assert.is(submits, 1);
    got.forEach((value, i) => assert.ok(Math.abs(value - want[i]) <= 1e-4 * (1 + Math.abs(want[i])), `${i}`));
  }
});

test.run();
