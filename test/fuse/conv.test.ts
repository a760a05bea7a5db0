/** Convolutions on the device against the reference; no patch is ever stored. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { bind } from "../../packages/jaxscale/src/trace/trace.ts";
import { samples } from "../primitives/samples/conv.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled, kernelsOf } from "./scheduled-as.ts";

const { lax } = jax;
type A = jax.Array;

const floats = (shape: number[], seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf(shape, "float32", () => 2 * next() - 1);
};

for (const name of ["conv_general_dilated", "conv_patches"])
  test(`${name}: every sample call`, async () => {
    for (const { primitive, inputs, params } of samples.filter((s) => s.primitive.name === name)) {
      if (inputs.some(({ shape }) => sizeOf(shape) === 0)) continue;
      const f = (...xs: A[]): A => bind(primitiveNamed(primitive.name), xs, params)[0] as A;
      await agreesScheduled(f, inputs, {}, inputs[0].dtype === "bfloat16" ? { abs: 0.05, rel: 0.02 } : undefined);
    }
  });

const channelsLast = { dimensionNumbers: ["NHWC", "HWIO", "NHWC"] } as const;

test("an image with its channels last is convolved and activated in one kernel", async () => {
  const f = (x: A, w: A, b: A): A => jax.nn.relu(lax.convGeneralDilated(x, w, [1, 1], "SAME", channelsLast).add(b));
  const args = [floats([2, 9, 11, 5], 1), floats([3, 3, 5, 8], 2), floats([8], 3)];
  assert.is((await kernelsOf(f, args)).length, 1);
  await agreesScheduled(f, args);
});

test("gradients in image and kernel", async () => {
  const options = { ...channelsLast, rhsDilation: [2, 1], featureGroupCount: 2 };
  const loss = (x: A, w: A): A =>
    jax.numpy.sum(jax.numpy.square(lax.convGeneralDilated(x, w, [1, 2], "VALID", options)));
  const args = [floats([2, 7, 6, 4], 1), floats([2, 3, 2, 6], 2)];
  for (const argnums of [0, 1]) await agreesScheduled((x, w) => jax.grad(loss, { argnums })(x, w) as A, args);
});

test.run();
