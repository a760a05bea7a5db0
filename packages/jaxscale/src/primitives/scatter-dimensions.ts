/** Dimension numbers of scatters: checks, printing, and what they say of windows. */
import { ShapeError } from "../base/errors.ts";
import type { Shape } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { checkAxes, checkOperandDimensions, type OperandDimensions } from "./dimension-numbers.ts";
import { tuple } from "./python-text.ts";
import { type GatherScatterMode, type WindowMap, windowMap } from "./window-map.ts";

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ScatterDimensionNumbers.html */
export interface ScatterDimensionNumbers {
  /** Axes of the updates that run within a window; the others run over the index vectors. */
  readonly updateWindowDims: readonly number[];
  /** Axes of the operand, of window size 1, that the updates lack. */
  readonly insertedWindowDims: readonly number[];
  /** Axis of the operand for each entry of an index vector. */
  readonly scatterDimsToOperandDims: readonly number[];
  /** Axes of the operand that are paired with axes of the indices. */
  readonly operandBatchingDims: readonly number[];
  readonly scatterIndicesBatchingDims: readonly number[];
}

export type ScatterParams = {
  readonly dimensionNumbers: ScatterDimensionNumbers;
  readonly mode: GatherScatterMode;
  readonly indicesAreSorted: boolean;
  /** A promise that no two updates hit the same element; if it is broken, one of them wins or is lost. */
  readonly uniqueIndices: boolean;
};

const operandDimensions = (numbers: ScatterDimensionNumbers): OperandDimensions => ({
  dropped: numbers.insertedWindowDims,
  batching: numbers.operandBatchingDims,
  indicesBatching: numbers.scatterIndicesBatchingDims,
  startAxes: numbers.scatterDimsToOperandDims,
});

/** Size of a window along each axis of the operand. */
function windowSizes(rank: number, updates: Shape, numbers: ScatterDimensionNumbers): number[] {
  const window = numbers.updateWindowDims.map((axis) => updates[axis]);
  const gone = [...numbers.insertedWindowDims, ...numbers.operandBatchingDims];
  return Array.from({ length: rank }, (_, axis) => (gone.includes(axis) ? 1 : (window.shift() as number)));
}

export const scatterMap = (
  operand: Shape,
  indices: Shape,
  updates: Shape,
  { dimensionNumbers }: ScatterParams,
): WindowMap =>
  windowMap(
    operand,
    indices,
    updates,
    dimensionNumbers.updateWindowDims,
    windowSizes(operand.length, updates, dimensionNumbers),
    operandDimensions(dimensionNumbers),
  );

/** @throws ShapeError, DTypeError unless the operand, indices and updates fit the dimension numbers */
export function checkScatter(
  op: string,
  inputs: readonly ShapedArray[],
  { dimensionNumbers: numbers }: ScatterParams,
): void {
  const [operand, indices, updates] = inputs;
  const names = [
    "insertedWindowDims",
    "operandBatchingDims",
    "scatterIndicesBatchingDims",
    "scatterDimsToOperandDims",
  ] as const;
  checkOperandDimensions(op, inputs, operandDimensions(numbers), names);
  const windowRank = operand.shape.length - numbers.insertedWindowDims.length - numbers.operandBatchingDims.length;
  if (numbers.updateWindowDims.length !== windowRank)
    throw new ShapeError(
      `${op}: updateWindowDims must have one axis for each of the operand's that is neither inserted nor batching; got ${tuple(numbers.updateWindowDims)} and operand ${formatAval(operand)}`,
    );
  checkAxes(op, "updateWindowDims", numbers.updateWindowDims, updates.shape.length, true);
  windowSizes(operand.shape.length, updates.shape, numbers).forEach((size, axis) => {
    if (size > operand.shape[axis])
      throw new ShapeError(
        `${op}: windows must not exceed the operand; got ${formatAval(operand)} axis ${axis} = ${operand.shape[axis]} and updates ${formatAval(updates)} with window size ${size}`,
      );
  });
  const batch = updates.shape.filter((_, axis) => !numbers.updateWindowDims.includes(axis));
  const vectors = indices.shape.slice(0, -1);
  if (batch.length !== vectors.length || batch.some((size, i) => size !== vectors[i]))
    throw new ShapeError(
      `${op}: the updates' axes outside their windows must be those of the indices but the last; got updates ${formatAval(updates)} with updateWindowDims ${tuple(numbers.updateWindowDims)} and indices ${formatAval(indices)}`,
    );
}

export const formatScatterDimensionNumbers = (numbers: ScatterDimensionNumbers): string =>
  `ScatterDimensionNumbers(update_window_dims=${tuple(numbers.updateWindowDims)}, inserted_window_dims=${tuple(numbers.insertedWindowDims)}, scatter_dims_to_operand_dims=${tuple(numbers.scatterDimsToOperandDims)}, operand_batching_dims=${tuple(numbers.operandBatchingDims)}, scatter_indices_batching_dims=${tuple(numbers.scatterIndicesBatchingDims)})`;
