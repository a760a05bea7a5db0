/** Products with gathered matrices: the index is loaded inside the kernel, and the chosen matrices are read where they lie. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled, kernelsOf, type Schedule } from "./scheduled-as.ts";

const { numpy: jnp } = jax;
type A = jax.Array;

const floats = (shape: number[], dtype: DType, seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf(shape, dtype, () => 2 * next() - 1);
};
const ids = (...values: number[]): HostTensor => tensorOf([values.length], "int32", (i) => values[i]);
const coarse = { abs: 0.05, rel: 0.02 };

/** Windows of 4 KiB: the experts lie in several. */
const small: Schedule = { limits: { maxStorageBufferBindingSize: 4096 } };
const schedules: Readonly<Record<string, Schedule>> = { "in one window": {}, "in several windows": small };

/** How a token meets its experts, as `nh,kih->nki`; and the shape of one expert of 12 × 32. */
const forms: readonly (readonly [string, number[], number[]])[] = [
  ["nh,kih->nki", [1, 32], [12, 32]],
  ["nh,khi->nki", [1, 32], [32, 12]],
  ["kh,kih->ki", [4, 32], [12, 32]],
  ["kh,khi->ki", [4, 32], [32, 12]],
  ["ki,kih->kh", [4, 12], [12, 32]],
  ["nki,khi->nkh", [1, 4, 12], [32, 12]],
];
for (const [name, schedule] of Object.entries(schedules))
  for (const [form, x, expert] of forms)
    test(`${form} of 4 of 9 experts is one kernel, ${name}`, async () => {
      const f = (t: A, w: A, i: A): A => jnp.einsum(form, t, w.at(i).get());
      for (const [dtype, bound] of [
        ["float32", undefined],
        ["bfloat16", coarse],
      ] as const) {
        const args = [floats(x, dtype, 1), floats([9, ...expert], dtype, 2), ids(8, 0, 3, -1)];
        assert.is((await kernelsOf(f, args, schedule)).length, 1);
        await agreesScheduled(f, args, schedule, bound);
      }
    });

test("indices that differ along the columns of a workgroup, and matrices of odd sizes", async () => {
  const f = (t: A, w: A, i: A): A => jnp.einsum("nh,kih->nki", t, w.at(i).get());
  for (const [inner, hidden] of [
    [3, 32],
    [1, 64],
    [5, 33],
    [7, 30],
  ]) {
    const args = [floats([1, hidden], "float32", 1), floats([17, inner, hidden], "float32", 2), ids(16, 0, 7, 7, 3)];
    await agreesScheduled(f, args);
    await agreesScheduled(f, args, small);
  }
});

test("what follows a gathered product is done in its kernel", async () => {
  const f = (t: A, gate: A, up: A, i: A): A =>
    jax.nn.silu(jnp.einsum("nh,kih->nki", t, gate.at(i).get())).mul(jnp.einsum("nh,kih->nki", t, up.at(i).get()));
  const args = [
    floats([1, 32], "bfloat16", 1),
    floats([9, 12, 32], "bfloat16", 2),
    floats([9, 12, 32], "bfloat16", 3),
    ids(8, 0, 3, 5),
  ];
  assert.is((await kernelsOf(f, args)).length, 2);
  await agreesScheduled(f, args, {}, coarse);
  await agreesScheduled(f, args, small, coarse);
});

test.run();
