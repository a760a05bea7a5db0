/** Operations on arrays larger than what `JAXSCALE_LIMITS` allows at once, against the reference; prints what differs, then how many were right. */
import * as jax from "jaxscale";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { type Bound, difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const random = randomNumbers(5);
const floats = (shape: readonly number[], dtype: DType = "float32"): HostTensor =>
  tensorOf(shape, dtype, () => 2 * random() - 1);
const whole = (shape: readonly number[], below: number, dtype: DType = "int32"): HostTensor =>
  tensorOf(shape, dtype, () => Math.floor(random() * below));

interface Case {
  readonly f: (...args: A[]) => A | readonly A[];
  readonly args: readonly HostTensor[];
  readonly bound?: Bound;
  readonly donate?: number;
}
const close: Bound = { rel: 1e-5, abs: 1e-5 };
const coarse: Bound = { rel: 2 ** -7, abs: 2 ** -7 };

// 192,000 bytes: several windows of 64 KiB.
const table = floats([160, 300]);
const packed = floats([300, 301], "bfloat16");

const cases: Readonly<Record<string, Case>> = {
  elementwise: { f: (x, y) => x.mul(y).add(1), args: [table, floats([160, 300])], bound: close },
  "elementwise, packed at odd sizes": { f: (x) => x.add(x), args: [packed] },
  "elementwise of bytes": { f: (x) => x.mul(3), args: [whole([70_001], 200, "uint8")] },
  "two results": { f: (x) => [x.add(1), jnp.abs(x)], args: [table], bound: close },
  transpose: { f: (x) => x.T, args: [table] },
  "transpose, packed": { f: (x) => x.T, args: [packed] },
  "slice and pad": { f: (x) => jnp.pad(x.slice("3:150", "::3"), 2), args: [table] },
  "sum of rows": { f: (x) => x.sum({ axis: 1 }), args: [table], bound: close },
  "sum of columns": { f: (x) => x.sum({ axis: 0 }), args: [table], bound: { abs: 1e-4 } },
  "sum of all": { f: (x) => x.sum(), args: [table], bound: { abs: 1e-2 } },
  "place of the largest": { f: (x) => [x.argmax({ axis: 1 }), x.argmax({ axis: 0 }), x.argmax()], args: [table] },
  softmax: { f: (x) => nn.softmax(x), args: [table], bound: close },
  "softmax of long rows": { f: (x) => nn.softmax(x), args: [floats([2, 20_000])], bound: close },
  "cumulative sum": { f: (x) => x.cumsum({ axis: 1 }), args: [whole([2, 20_000], 9)] },
  "cumulative sum of columns": { f: (x) => x.cumsum({ axis: 0 }), args: [whole([300, 200], 9)] },
  "matrix product": { f: (x, y) => x.dot(y), args: [floats([130, 160]), table], bound: { abs: 1e-4 } },
  "matrix product, packed": { f: (x, y) => x.dot(y), args: [floats([7, 300], "bfloat16"), packed], bound: coarse },
  "vector times matrix": { f: (x, y) => x.dot(y), args: [floats([1, 160]), table], bound: { abs: 1e-4 } },
  "vector times rows of a packed matrix": {
    f: (x, y) => x.dot(y.T),
    args: [floats([1, 301], "bfloat16"), packed],
    bound: coarse,
  },
  "product with bias and activation": {
    f: (x, y, b) => nn.silu(x.dot(y).add(b)),
    args: [floats([64, 160]), table, floats([300])],
    bound: { abs: 1e-4 },
  },
  "gather of rows": { f: (x, i) => jnp.take(x, i, { axis: 0, mode: "clip" }), args: [table, whole([500], 160)] },
  "gather of rows, packed": { f: (x, i) => x.slice(i), args: [packed, whole([77], 300)] },
  "gather of elements": { f: (x, i) => jnp.takeAlongAxis(x, i, { axis: 1 }), args: [table, whole([160, 5], 300)] },
  "scatter that adds": {
    f: (x, i, u) => x.at(i).add(u),
    args: [whole([160, 300], 9), whole([20], 160), whole([20, 300], 9)],
  },
  "scatter that sets": { f: (x, i) => x.at(i).set(7), args: [table, tensorOf([3], "int32", (n) => 70 * n)] },
  "update in place": {
    f: (x, u, i) => lax.dynamicUpdateSlice(x, u, [i, 1]),
    args: [table, floats([120, 290]), tensorOf([], "int32", () => 11)],
    donate: 0,
  },
  "update in place, packed, at an odd offset": {
    f: (x, u, i) => lax.dynamicUpdateSlice(x, u, [i, 1]),
    args: [packed, floats([250, 299], "bfloat16"), tensorOf([], "int32", () => 3)],
    donate: 0,
  },
  "join of many": {
    f: (...xs) => jnp.concatenate(xs),
    args: Array.from({ length: 40 }, (_, i) => floats([1 + (i % 3), 5])),
  },
  "join of large arrays": { f: (x, y) => jnp.concatenate([x, y, x]), args: [table, floats([100, 300])] },
  "sum of many": {
    f: (...xs) => xs.reduce((a, b) => a.add(b)),
    args: Array.from({ length: 30 }, () => whole([300], 99)),
  },
  "many results": { f: (x) => Array.from({ length: 20 }, (_, i) => x.add(i)), args: [whole([300], 99)] },
  "30 inputs and 20 results": {
    f: (...xs) => Array.from({ length: 20 }, (_, i) => xs[i].mul(xs[(i + 7) % 30]).add(xs[29 - i])),
    args: Array.from({ length: 30 }, () => whole([300], 99)),
  },
  "many reshaped results": {
    f: (x) => Array.from({ length: 20 }, (_, i) => x.add(i).reshape([30, 10])),
    args: [whole([300], 99)],
  },
  "a stack of many, reduced": {
    f: (...xs) => jnp.stack(xs).max({ axis: 0 }),
    args: Array.from({ length: 25 }, () => whole([100], 999)),
  },
  "layer norm": { f: (x) => nn.standardize(x), args: [table], bound: { rel: 1e-4, abs: 1e-4 } },
  creation: { f: () => [jnp.arange(50_000), jnp.full([200, 200], 3)], args: [] },
};

let right = 0;
for (const [name, { f, args, bound, donate }] of Object.entries(cases)) {
  const flat = (...arrays: A[]): A[] => [f(...arrays)].flat();
  try {
    const wanted = await reference(flat, args);
    const run = jit(flat, donate === undefined ? {} : { donateArgnums: donate }) as unknown as typeof flat;
    const got = run(...args.map(onDevice));
    const wrong = await Promise.all(
      wanted.map(async (want, i) => difference(await onHost(got[i]), want, { ...bound, anyZero: true })),
    );
    const found = wrong.find((w) => w !== undefined);
    if (found === undefined) right++;
    else console.log(`${name}: ${found}`);
  } catch (error) {
    console.log(`${name}: ${(error as Error).message}`);
  }
}
console.log(`${right} of ${Object.keys(cases).length} right`);
