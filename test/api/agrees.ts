/** Holds jitted functions against the reference interpreter. */
import * as jax from "jaxscale";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { type Bound, difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";

export type A = jax.Array;
export type Arrays = (...args: A[]) => unknown;

/** Numbers between -1 and 1, or small whole ones, the same in every run. */
export function numbers(shape: readonly number[], dtype: DType = "float32", seed = 1): HostTensor {
  const next = randomNumbers(seed);
  return tensorOf(shape, dtype, () => (isFloat(dtype) ? 2 * next() - 1 : Math.floor(next() * 7)));
}

/** Runs `f` under jit and in the interpreter: all leaves of its result must agree. */
export async function agrees(
  f: Arrays,
  args: readonly HostTensor[],
  bound: Bound = { abs: 1e-6, rel: 1e-5 },
): Promise<void> {
  const flat = (...xs: A[]): A[] => jax.tree.leaves<A>(f(...xs));
  const want = await reference(flat, args);
  const got = await Promise.all(
    jax
      .jit(flat)(...args.map(onDevice))
      .map(onHost),
  );
  assert.is(got.length, want.length);
  want.forEach((w, i) => assert.is(difference(got[i], w, bound), undefined, `result ${i}`));
}

/** Leaves of a result as lists of numbers. */
export const valuesOf = async (tree: unknown): Promise<number[][]> =>
  Promise.all(jax.tree.leaves<A>(tree).map(async (x) => [...(await (x as jax.DeviceArray).data())]));

/** An array of the given numbers. */
export const floats = (...values: number[]): A => jax.numpy.array(new Float32Array(values));
