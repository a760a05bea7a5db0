/** Grouped products against the reference, with sizes of groups that only the device knows. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { bind } from "../../packages/jaxscale/src/trace/trace.ts";
import { samples } from "../primitives/samples/ragged.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled, kernelsOf, type Schedule } from "./scheduled-as.ts";

const { lax, nn } = jax;
type A = jax.Array;

const floats = (shape: number[], dtype: DType, seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf(shape, dtype, () => 2 * next() - 1);
};
const sizes = (...values: number[]): HostTensor => tensorOf([values.length], "int32", (i) => values[i]);
const coarse = { abs: 0.05, rel: 0.02 };
const small: Schedule = { limits: { maxStorageBufferBindingSize: 4096 } };
const grouped = (x: A, w: A, g: A): A => lax.raggedDot(x, w, g);

/** Group sizes for 50 rows: all in one, none, many empty, too few, too many, negative. */
const splits: readonly number[][] = [
  [10, 20, 5, 15],
  [0, 50, 0, 0],
  [0, 0, 0, 0],
  [7, 0, 0, 8],
  [30, 30, 30, 30],
  [-3, 20, -1, 40],
];

test("rows meet the matrix of their group, those without a group are 0", async () => {
  const [x, w] = [floats([50, 24], "float32", 1), floats([4, 24, 20], "float32", 2)];
  assert.is((await kernelsOf(grouped, [x, w, sizes(...splits[0])])).length, 1);
  for (const split of splits) {
    await agreesScheduled(grouped, [x, w, sizes(...split)]);
    await agreesScheduled(grouped, [x, w, sizes(...split)], small);
  }
});

test("odd sizes, packed types, fewer rows than groups", async () => {
  for (const [m, k, n, groups] of [
    [13, 7, 9, 3],
    [1, 16, 8, 5],
    [6, 33, 1, 2],
    [64, 8, 36, 3],
  ]) {
    const split = sizes(...Array.from({ length: groups }, (_, g) => (g === 1 ? 0 : Math.ceil(m / groups))));
    for (const [dtype, bound] of [
      ["float32", undefined],
      ["bfloat16", coarse],
    ] as const)
      await agreesScheduled(grouped, [floats([m, k], dtype, 1), floats([groups, k, n], dtype, 2), split], {}, bound);
  }
});

test("without subgroups", async () => {
  const args = [floats([50, 24], "float32", 1), floats([4, 24, 20], "float32", 2), sizes(7, 0, 0, 8)];
  await agreesScheduled(grouped, args, { withoutSubgroups: true });
});

test("what comes before and after is done in the same kernel", async () => {
  const f = (x: A, w: A, g: A, bias: A): A => nn.silu(lax.raggedDot(x.mul(2), w.astype("float32"), g)).add(bias);
  const args = [
    floats([50, 24], "float32", 1),
    floats([4, 24, 20], "bfloat16", 2),
    sizes(7, 0, 0, 8),
    floats([50, 20], "float32", 3),
  ];
  assert.is((await kernelsOf(f, args)).length, 1);
  await agreesScheduled(f, args);
});

test("every sample call, also with batches and a ragged contraction", async () => {
  for (const { primitive, inputs, params } of samples) {
    const f = (...xs: A[]): A => bind(primitiveNamed(primitive.name), xs, params)[0] as A;
    await agreesScheduled(f, inputs, {}, inputs[0].dtype === "bfloat16" ? coarse : undefined);
  }
});

test("gradients in rows and matrices", async () => {
  const loss = (x: A, w: A, g: A): A => jax.numpy.sum(jax.numpy.square(lax.raggedDot(x, w, g)));
  const args = [floats([20, 8], "float32", 1), floats([3, 8, 12], "float32", 2), sizes(6, 0, 9)];
  for (const argnums of [0, 1])
    await agreesScheduled((...xs) => jax.grad(loss, { argnums })(xs[0], xs[1], xs[2]) as A, args);
});

test.run();
