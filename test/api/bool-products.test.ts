/** Products of bools are or-of-ands, as in JAX: alone, in front of other operations, at every kernel's sizes. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

/** Element i is `i * step % 11 % every == 0`. */
const bits = (shape: readonly number[], step: number, every: number): HostTensor =>
  tensorOf(shape, "bool", (i) => (((i * step) % 11) % every === 0 ? 1 : 0));
const [x, y] = [bits([7], 3, 4), bits([7], 5, 4)];
const [a, b] = [bits([3, 5], 3, 4), bits([5, 7], 5, 4)];
const [ab, bb] = [bits([2, 3, 5], 3, 5), bits([2, 5, 3], 7, 5)];

interface Case {
  readonly f: (...args: A[]) => A;
  readonly args: readonly HostTensor[];
  /** What JAX 0.10 gives for the same, row by row. */
  readonly want: string;
}
const cases: Readonly<Record<string, Case>> = {
  dot: { f: (p, q) => jnp.dot(p, q), args: [x, y], want: "1" },
  "dot with a vector": { f: (p, q) => jnp.dot(p, q), args: [bits([3, 5], 3, 5), bits([5], 5, 6)], want: "100" },
  "dot with a scalar": { f: (p) => jnp.dot(p, true), args: [a], want: "100001000011000" },
  matmul: { f: (p, q) => jnp.matmul(p, q), args: [a, b], want: "100100110010011001101" },
  "matmul, batched": { f: (p, q) => jnp.matmul(p, q), args: [ab, bb], want: "100011100010010001" },
  einsum: { f: (p, q) => jnp.einsum("bij,bjk->kbi", p, q), args: [ab, bb], want: "101000010110010001" },
  "einsum of three": {
    f: (p, q, r) => jnp.einsum("ij,jk,kl->il", p, q, r),
    args: [a, bits([5, 7], 5, 11), bits([7, 3], 4, 11)],
    want: "100100100",
  },
  "einsum of one": { f: (p) => jnp.einsum("ij->j", p), args: [a], want: "11000" },
  tensordot: { f: (p, q) => jnp.tensordot(p, q), args: [ab, bits([3, 5, 9], 7, 6)], want: "100110010000100110" },
  vecdot: { f: (p, q) => jnp.vecdot(p, q), args: [a, bits([3, 5], 5, 4)], want: "101" },
  inner: { f: (p, q) => jnp.inner(p, q), args: [a, bits([9, 5], 5, 5)], want: "100000010100000010101000010" },
  "inner with a scalar": { f: (p) => jnp.inner(p, jnp.array(true)), args: [a], want: "100001000011000" },
  vdot: { f: (p, q) => jnp.vdot(p, q), args: [a, bits([15], 5, 4)], want: "1" },
  outer: {
    f: (p, q) => jnp.outer(p, q),
    args: [x, y],
    want: "1001001000000000000000000000000000010010010000000",
  },
  "no products": { f: (p, q) => jnp.matmul(p, q), args: [bits([2, 0], 1, 1), bits([0, 3], 1, 1)], want: "000000" },
};
const text = ({ values }: HostTensor): string => [...values].join("");

for (const [name, { f, args, want }] of Object.entries(cases))
  test(`${name} of bools gives JAX's bools, by jit, eagerly and in the reference interpreter`, async () => {
    const [interpreted] = await reference((...operands) => [f(...operands)], args);
    const [jitted, eager] = await Promise.all([jit(f), f].map((run) => onHost(run(...args.map(onDevice)))));
    for (const result of [jitted, eager, interpreted]) {
      assert.is(result.dtype, "bool");
      assert.is(text(result), want);
    }
  });

test("what reads a product of bools in the same kernel finds a bool", async () => {
  const other = bits([3, 7], 2, 3);
  const read = (p: A, q: A, r: A): A[] => {
    const product = jnp.matmul(p, q);
    return [
      jnp.where(product, 1.5, -1),
      product.add(1),
      jnp.equal(product, r),
      jnp.logicalAnd(product, r),
      jnp.logicalOr(product, r),
    ];
  };
  const want = [
    [..."100100110010011001101"].map((c) => (c === "1" ? 1.5 : -1)),
    [..."211211221121122112212"].map(Number),
    [..."111111011110101110110"].map(Number),
    [..."100100010010001000100"].map(Number),
    [..."100100110011011001101"].map(Number),
  ];
  const got = await Promise.all(jit(read)(onDevice(a), onDevice(b), onDevice(other)).map(onHost));
  got.forEach((result, i) => assert.equal([...result.values], want[i]));
  assert.equal(
    got.map(({ dtype }) => dtype),
    ["float32", "int32", "bool", "bool", "bool"],
  );
});

test("an integer result of bools counts", async () => {
  const counted = jit((p: A, q: A) => jnp.matmul(p, q, { preferredElementType: "int32" }))(onDevice(a), onDevice(b));
  assert.equal(await counted.toList(), [
    [1, 0, 0, 1, 0, 0, 1],
    [1, 0, 0, 1, 0, 0, 1],
    [1, 0, 0, 1, 1, 0, 1],
  ]);
});

/** Sparse, so that about half of the results are false. */
function sparse(shape: readonly number[], depth: number, seed: number): HostTensor {
  const next = randomNumbers(seed);
  return tensorOf(shape, "bool", () => (next() < Math.sqrt(0.7 / depth) ? 1 : 0));
}

const sizes: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["a vector times a matrix", [1, 257], [257, 129]],
  ["a matrix times a vector", [131, 515], [515, 1]],
  ["rows of weights", [1, 128], [128, 64]],
  ["matrices of odd sizes", [33, 65], [65, 47]],
  ["matrices of even sizes", [64, 128], [128, 64]],
  ["batches", [3, 17, 40], [3, 40, 36]],
];
for (const [name, left, right] of sizes)
  test(`${name}: or-of-ands at sizes of another kernel, and in front of its epilogue`, async () => {
    const depth = left[left.length - 1];
    const args = [sparse(left, depth, 1), sparse(right, depth, 2)];
    const f = (p: A, q: A): A[] => {
      const product = jnp.matmul(p, q);
      return [product, jnp.where(product, 3, -2), jnp.logicalNot(product)];
    };
    const transposed = (p: A, q: A): A[] => f(p, q.swapaxes(-1, -2));
    const columns = [...right.slice(0, -2), right[right.length - 1], right[right.length - 2]];
    const swapped = [args[0], sparse(columns, depth, 3)];
    for (const [run, operands] of [
      [f, args],
      [transposed, swapped],
    ] as const) {
      const want = await reference(run as (...xs: A[]) => A[], operands);
      const density = [...want[0].values].filter((v) => v === 1).length / want[0].values.length;
      assert.ok(density > 0.2 && density < 0.8, `${density} of the results are true`);
      const got = await Promise.all((jit(run)(...(operands.map(onDevice) as [A, A])) as A[]).map(onHost));
      want.forEach((w, i) => assert.is(difference(got[i], w), undefined));
    }
  });

test("grouped products of bools are or-of-ands too", async () => {
  const args = [sparse([13, 24], 24, 4), sparse([3, 24, 10], 24, 5)];
  const f = (p: A, q: A): A[] => [lax.raggedDot(p, q, jnp.array([4, 0, 9]))];
  const [want] = await reference(f as (...xs: A[]) => A[], args);
  const [got] = jit(f)(...(args.map(onDevice) as [A, A]));
  assert.is(difference(await onHost(got), want), undefined);
});

test.run();
