/** Axes of reductions. */
import { bitsOf, type DType, isFloat } from "../../base/dtypes.ts";
import { axesOf as namedAxes } from "../../base/shapes.ts";

/** One axis, several, or (null) all. */
export type Axis = number | readonly number[] | null;

/** The axes in the order given. @throws ShapeError */
export function axesOf(op: string, axis: Axis | undefined, rank: number): number[] {
  if (axis === null || axis === undefined) return globalThis.Array.from({ length: rank }, (_, i) => i);
  return namedAxes(op, axis, rank);
}

/** 16-bit floats are summed in float32. */
export const accumulationDType = (dtype: DType): DType => (isFloat(dtype) && bitsOf(dtype) === 16 ? "float32" : dtype);
