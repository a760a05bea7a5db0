import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";
import { seeds, shapes } from "./chains.ts";
import { runs } from "./runs.ts";
import { smoothFunctions } from "./smooth-functions.ts";
import "../setup.ts";

const { jit, lax } = jax;
type A = jax.Array;

const bounds: Readonly<Partial<Record<DType, { readonly rel: number; readonly abs: number }>>> = {
  float32: { rel: 2e-5, abs: 2e-5 },
  // Some steps of the format for a chain of roundings.
  float16: { rel: 2 ** -8, abs: 2 ** -8 },
  bfloat16: { rel: 2 ** -5, abs: 2 ** -5 },
};

test("random chains of smooth functions equal the reference within a few roundings", async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      fc.constantFrom<DType>("float32", "float32", "bfloat16", "float16"),
      seeds,
      fc.array(fc.constantFrom(...Object.keys(smoothFunctions)), { minLength: 1, maxLength: 5 }),
      async (shape, dtype, seed, names) => {
        const random = randomNumbers(seed);
        const input = tensorOf(shape, dtype, () => 6 * random() - 3);
        const f = (x: A): A[] => [names.reduce((v, name) => smoothFunctions[name](v), x)];
        const [want] = await reference(f as (...args: A[]) => A[], [input]);
        const [got] = jit(f)(onDevice(input));
        const wrong = difference(await onHost(got), want, { ...bounds[dtype], anyZero: true });
        if (wrong) throw new Error(wrong);
      },
    ),
    runs(36),
  );
});

test("random products of any batch and contracted axes equal the reference", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        batch: fc.array(fc.constantFrom(1, 2, 3), { maxLength: 2 }),
        rows: fc.array(fc.constantFrom(1, 2, 5, 8, 17), { maxLength: 2 }),
        columns: fc.array(fc.constantFrom(1, 3, 4, 8, 20), { maxLength: 2 }),
        depth: fc.array(fc.constantFrom(1, 3, 4, 32, 33), { maxLength: 2 }),
        dtype: fc.constantFrom<DType>("float32", "bfloat16", "float16", "int32", "int8", "uint16"),
        seed: seeds,
      }),
      async ({ batch, rows, columns, depth, dtype, seed }) => {
        const random = randomNumbers(seed);
        // Each operand's axes in an order of its own.
        const place = (free: readonly number[]) => {
          const axes = [
            ...batch.map((size, i) => ({ kind: `b${i}`, size })),
            ...free.map((size, i) => ({ kind: `f${i}`, size })),
            ...depth.map((size, i) => ({ kind: `k${i}`, size })),
          ].sort((a, b) => hash(a.kind, seed) - hash(b.kind, seed));
          const at = (name: string, n: number): number[] =>
            Array.from({ length: n }, (_, i) => axes.findIndex((a) => a.kind === `${name}${i}`));
          return { shape: axes.map((a) => a.size), batch: at("b", batch.length), depth: at("k", depth.length) };
        };
        const [lhs, rhs] = [place(rows), place(columns)];
        const tensor = (shape: readonly number[]) => tensorOf(shape, dtype, () => Math.floor(7 * random()) - 3);
        const inputs = [tensor(lhs.shape), tensor(rhs.shape)];
        const f = (x: A, y: A): A[] => [
          lax.dotGeneral(x, y, [
            [lhs.depth, rhs.depth],
            [lhs.batch, rhs.batch],
          ]),
        ];
        const [want] = await reference(f as (...args: A[]) => A[], inputs);
        const [got] = jit(f)(onDevice(inputs[0]), onDevice(inputs[1]));
        // Sums of small whole numbers are exact.
        const wrong = difference(await onHost(got), want, { anyZero: true });
        if (wrong) throw new Error(wrong);
      },
    ),
    runs(40),
  );
});
const hash = (text: string, seed: number): number =>
  randomNumbers(seed + 31 * text.charCodeAt(0) + text.charCodeAt(1))();

test.run();
