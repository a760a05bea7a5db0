/** Compiled functions on GPUs that are not there. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const { ShapeDtypeStruct, numpy: jnp } = jax;
const names = Object.keys(jax.modelledGpus) as jax.ModelledGpuName[];

const layer = jax.jit(
  (x: jax.Array, w: jax.Array) => {
    const normed = x.mul(jax.lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true })));
    return jax.nn.softmax(jnp.dot(normed, w), { axis: -1 });
  },
  { name: "layer" },
);
const lowered = (rows: number): jax.Lowered =>
  layer.lower(new ShapeDtypeStruct([rows, 256], "float32"), new ShapeDtypeStruct([256, 512], "bfloat16"));

for (const name of names)
  test(`every kernel of a layer has figures on ${jax.modelledGpus[name].name}`, () => {
    for (const rows of [1, 64]) {
      const { kernels, predictedSeconds } = lowered(rows).analyze(name);
      assert.ok(kernels.length > 0);
      for (const k of kernels) {
        assert.ok(k.sectorsOverLeast >= 1, `${k.name}: ${k.sectorsOverLeast} sectors over the least`);
        assert.ok(k.divergence >= 0 && k.divergence < 1);
        assert.ok(k.occupancy > 0 && k.occupancy <= 1);
        assert.ok(k.bytesIssued > 0 && k.bytesNeeded > 0);
        assert.is(k.predictedSeconds, Math.max(...Object.values(k.seconds)));
      }
      assert.ok(Math.abs(predictedSeconds - kernels.reduce((sum, k) => sum + k.count * k.predictedSeconds, 0)) < 1e-12);
    }
  });

test("the dispatches of a loop are counted as often as it runs", () => {
  const loop = jax.jit((x: jax.Array) => jax.lax.foriLoop(0, 7, (_i: jax.Array, y: jax.Array) => jnp.dot(y, y), x));
  const { kernels } = loop.lower(new ShapeDtypeStruct([32, 32], "float32")).analyze("m1");
  assert.is(
    kernels.filter((k) => k.origin.operations.includes("dot_general")).reduce((n, k) => n + k.count, 0),
    7,
  );
});

test("reading a column of a matrix asks for bytes that nobody needs", () => {
  const column = jax.jit((x: jax.Array) => x.T.at(3).get().add(1));
  const { kernels } = column.lower(new ShapeDtypeStruct([4096, 1024], "float32")).analyze("rtx4090");
  // A sector of 32 bytes for each 4 that are read, beside what is written.
  assert.is(kernels[0].bytesIssued / kernels[0].bytesNeeded, (32 + 4) / 8);
});

test("the table names the GPU, says that it is a model, and what was guessed", () => {
  const text = lowered(1).analyze("adreno740").table();
  assert.match(text, /A model of Qualcomm Adreno 740, not a measurement: [\d.]+ µs in \d+ dispatch/);
  assert.match(text, /Guessed, for no source was found: cores/);
});

test("a GPU may be a row of the user's own figures; an unknown name is refused", () => {
  const mine = { ...jax.modelledGpus.m1, name: "mine", cores: 1 };
  assert.is(lowered(1).analyze(mine).gpu.name, "mine");
  assert.throws(
    () => lowered(1).analyze("voodoo" as never),
    /analyze: the GPU must be one of h100, l4, .*malig715; got "voodoo"/,
  );
});

test.run();
