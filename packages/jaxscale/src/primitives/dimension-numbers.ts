/** What the dimension numbers of gathers and scatters have in common, and its checks. */
import { type DType, isInteger } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { tuple } from "./python-text.ts";

export function checkIndexDType(op: string, dtype: DType, ...others: readonly DType[]): void {
  if (!isInteger(dtype) || others.some((other) => other !== dtype))
    throw new DTypeError(`${op}: indices must be integers of one type; got ${[dtype, ...others].join(", ")}`);
}

/** Axes that must lie in `[0, rank)` and be distinct. */
export function checkAxes(op: string, name: string, axes: readonly number[], rank: number, sorted: boolean): void {
  const fits = axes.every((axis, i) => {
    const distinct = sorted ? i === 0 || axis > axes[i - 1] : axes.indexOf(axis) === i;
    return Number.isInteger(axis) && axis >= 0 && axis < rank && distinct;
  });
  if (fits) return;
  const order = sorted ? "distinct, ascending and" : "distinct and";
  throw new ShapeError(`${op}: ${name} must be ${order} in [0, ${rank}); got ${tuple(axes)}`);
}

/** What dimension numbers say of the operand's axes. */
export interface OperandDimensions {
  /** Axes that have none in the slices. */
  readonly dropped: readonly number[];
  readonly batching: readonly number[];
  readonly indicesBatching: readonly number[];
  /** Operand axis of each entry of an index vector. */
  readonly startAxes: readonly number[];
}

/** Checks the parts of dimension numbers that gathers and scatters share. @param names theirs, in the order of the fields */
export function checkOperandDimensions(
  op: string,
  [operand, indices]: readonly ShapedArray[],
  dimensions: OperandDimensions,
  names: readonly [string, string, string, string],
): void {
  const { dropped, batching, indicesBatching, startAxes } = dimensions;
  const rank = operand.shape.length;
  const batchRank = indices.shape.length - 1;
  checkIndexDType(op, indices.dtype);
  if (batchRank < 0)
    throw new ShapeError(`${op}: indices must have a last axis, of index vectors; got ${formatAval(indices)}`);
  checkAxes(op, names[0], dropped, rank, true);
  checkAxes(op, names[1], batching, rank, true);
  checkAxes(op, names[2], indicesBatching, batchRank, false);
  checkAxes(op, names[3], startAxes, rank, false);
  const twice = batching.find((axis) => dropped.includes(axis) || startAxes.includes(axis));
  if (twice !== undefined)
    throw new ShapeError(
      `${op}: an axis of ${names[1]} must not be in ${names[0]} or ${names[3]}; got ${twice} in both`,
    );
  if (indices.shape[batchRank] !== startAxes.length)
    throw new ShapeError(
      `${op}: ${names[3]} must have one axis for each entry of an index vector; got ${tuple(startAxes)} and indices ${formatAval(indices)}`,
    );
  const pairs = batching.every((axis, i) => operand.shape[axis] === indices.shape[indicesBatching[i]]);
  if (batching.length !== indicesBatching.length || !pairs)
    throw new ShapeError(
      `${op}: ${names[1]} and ${names[2]} must pair axes of equal size; got ${tuple(batching)} of ${formatAval(operand)} and ${tuple(indicesBatching)} of ${formatAval(indices)}`,
    );
}
