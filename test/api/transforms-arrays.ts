/** Arrays on the host, for tests of what transformations compute and refuse. */
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import "../../packages/jaxscale/src/api/array-methods.ts";
import { hostBackend, tensorOf } from "./host-backend.ts";

export type A = TracedArray;

/** An array of the shape, or a vector, with these values in row-major order. */
export function array(
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype: DType = "float32",
): A {
  const tensor = hostTensor(shape, dtype);
  if (values.length !== sizeOf(shape)) throw new Error(`${values.length} values for [${shape}]`);
  tensor.values.set(values);
  return hostBackend.fromHost(tensor, false);
}
export const scalar = (value: number, dtype: DType = "float32"): A => array([value], [], dtype);
/** 0, 1, 2, … */
export const counting = (shape: readonly number[], dtype: DType = "float32"): A =>
  array(
    Array.from({ length: sizeOf(shape) }, (_, i) => i),
    shape,
    dtype,
  );

export const values = (x: unknown): number[] => Array.from(tensorOf(x).values);
export const near = (got: unknown, want: readonly number[], tolerance = 1e-5): boolean => {
  const found = values(got);
  return (
    found.length === want.length && found.every((x, i) => Math.abs(x - want[i]) <= tolerance * (1 + Math.abs(want[i])))
  );
};
