/** Arrays to and from the host, and whether two tensors agree. */
import type * as jax from "jaxscale";
import type { DType } from "../packages/jaxscale/src/base/dtypes.ts";
import { isFloat } from "../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../packages/jaxscale/src/base/rounding.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor } from "../packages/jaxscale/src/base/tensor-data.ts";
import { interpret } from "../packages/jaxscale/src/jaxpr/interpret.ts";
import { shapedArray } from "../packages/jaxscale/src/jaxpr/ir.ts";
import { inlineCalls } from "../packages/jaxscale/src/passes/inline-calls.ts";
import { traceToJaxpr } from "../packages/jaxscale/src/trace/staging.ts";
import { getBackend } from "../packages/jaxscale/src/trace/trace.ts";

/** Values by position, rounded to the dtype. */
export function tensorOf(shape: Shape, dtype: DType, value: (i: number) => number): HostTensor {
  const values = allocateValues(dtype, sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = roundTo(dtype, value(i));
  return { shape, dtype, values };
}

export const onDevice = (tensor: HostTensor): jax.Array => getBackend().fromHost(tensor, false);

export async function onHost(array: jax.Array): Promise<HostTensor> {
  const { shape, dtype, size } = array;
  const values = allocateValues(dtype, size);
  values.set(await array.data());
  return { shape, dtype, values };
}

type ArrayFunction = (...args: jax.Array[]) => readonly jax.Array[];

/** What the reference interpreter makes of a function, each equation rounded to its dtype. */
export async function reference(f: ArrayFunction, args: readonly HostTensor[]): Promise<readonly HostTensor[]> {
  const { jaxpr, consts } = inlineCalls(
    traceToJaxpr(
      "f",
      f as (...args: readonly jax.Array[]) => readonly jax.Array[],
      args.map(({ shape, dtype }) => shapedArray(shape, dtype)),
    ),
  );
  return interpret({ jaxpr, consts: await Promise.all(consts.map((c) => onHost(c as jax.Array))) }, args);
}

export interface Bound {
  readonly abs?: number;
  readonly rel?: number;
  /** Whether -0 and 0 are one. */
  readonly anyZero?: boolean;
}

/** What differs, in a line; undefined if nothing does. A denormal may stand for a zero, and the reverse. */
export function difference(got: HostTensor, want: HostTensor, bound: Bound = {}): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, wanted ${want.dtype}`;
  if (!sameShape(got.shape, want.shape)) return `shape ${formatShape(got.shape)}, wanted ${formatShape(want.shape)}`;
  const agree = isFloat(want.dtype) ? closeFloats(want.dtype, bound) : (a: number, b: number) => a === b;
  let wrong = 0;
  let first = -1;
  for (let i = 0; i < want.values.length; i++)
    if (!agree(got.values[i], want.values[i])) {
      wrong++;
      if (first < 0) first = i;
    }
  if (wrong === 0) return undefined;
  return `${wrong} of ${want.values.length} differ in ${want.dtype}${formatShape(want.shape)}, first at ${first}: got ${text(got.values[first])}, wanted ${text(want.values[first])}`;
}

const text = (x: number): string => (Object.is(x, -0) ? "-0" : String(x));

function closeFloats(dtype: DType, { abs = 0, rel = 0, anyZero = false }: Bound): (a: number, b: number) => boolean {
  const smallestNormal = dtype === "float16" ? 2 ** -14 : 2 ** -126;
  return (a, b) => {
    if (Object.is(a, b)) return true;
    if (Math.abs(a) < smallestNormal && Math.abs(b) < smallestNormal) return anyZero || a !== 0 || b !== 0;
    return Math.abs(a - b) <= abs + rel * Math.abs(b);
  };
}

/** Numbers in [0, 1) that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
