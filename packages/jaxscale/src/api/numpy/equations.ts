/** The equations that array functions are made of, left out where they would change nothing, as JAX leaves them out. */
import type { DType } from "../../base/dtypes.ts";
import { roundTo } from "../../base/rounding.ts";
import { canonicalAxes, type Shape } from "../../base/shapes.ts";
import type { Primitive } from "../../jaxpr/ir.ts";
import { add } from "../../primitives/arithmetic.ts";
import { broadcastInDim } from "../../primitives/broadcast.ts";
import { lt } from "../../primitives/compare.ts";
import { concatenate } from "../../primitives/concatenate.ts";
import { iota } from "../../primitives/creation.ts";
import { selectN } from "../../primitives/select.ts";
import { rev } from "../../primitives/shape.ts";
import type { Array } from "../../trace/array.ts";
import { scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { convertTo } from "../lax/convert.ts";

/** Whole numbers from `start` on. */
export const range = (length: number, start = 0): number[] => globalThis.Array.from({ length }, (_, i) => start + i);

/** A scalar known on the host is converted there. */
export const convert = (x: Array, dtype: DType, weakType = false): Array => convertTo(x, dtype, weakType);

export { reshape as reshapeTo, squeeze as dropAxes, transpose as permute } from "../lax/shape.ts";

/** Axes of size 1 put where the result has `axes`. */
export function insertAxes(op: string, x: Array, axes: readonly number[]): Array {
  if (axes.length === 0) return x;
  const rank = x.ndim + axes.length;
  const added = canonicalAxes(op, axes, rank);
  const kept = range(rank).filter((axis) => !added.includes(axis));
  const shape = range(rank).map((axis) => (added.includes(axis) ? 1 : x.shape[kept.indexOf(axis)]));
  return bind1(broadcastInDim, [x], { shape, broadcastDimensions: kept });
}

export const spread = (x: Array, shape: Shape, broadcastDimensions: readonly number[]): Array =>
  x.ndim === 0 && shape.length === 0 ? x : bind1(broadcastInDim, [x], { shape, broadcastDimensions });

/** One number everywhere. */
export const filled = (value: number, shape: Shape, dtype: DType, weakType = false): Array =>
  spread(scalarOf(value, dtype, weakType), shape, []);

export const counting = (shape: Shape, dimension: number, dtype: DType = "int32"): Array =>
  bind1(iota, [], { dtype, shape, dimension });

/** @param xs of one dtype */
export const joined = (xs: readonly Array[], dimension: number): Array => bind1(concatenate, xs, { dimension });

export const reversed = (x: Array, dimensions: readonly number[]): Array =>
  dimensions.length === 0 ? x : bind1(rev, [x], { dimensions });

/** Where `which` is true `onTrue`; all of one shape and dtype. */
export const choose = (which: Array, onTrue: Array, onFalse: Array): Array =>
  bind1(selectN, [which, onFalse, onTrue], {});

/** A binary op with a number, taken as a scalar of the array's own type, on either side. */
export function binary(op: Primitive, x: Array | number, y: Array | number): Array {
  const { dtype, weakType } = typeof x === "number" ? (y as Array) : x;
  const operand = (value: Array | number): Array =>
    typeof value === "number" ? scalarOf(value, dtype, weakType) : value;
  return bind1(op, [operand(x), operand(y)], {});
}

/** Indices below 0 counted from the end. */
export const wrapNegative = (indices: Array, size: number): Array =>
  choose(binary(lt, indices, 0), binary(add, indices, roundTo(indices.dtype, size)), indices);
