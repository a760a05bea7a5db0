/** Rows along one axis: walking them on the host, and taking elements of them by position in rules. */
import { type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";

/** Calls `visit` for every row along an axis with a function from a position in it to the place in the array. */
export function forEachRow(
  shape: Shape,
  axis: number,
  visit: (placeOf: (i: number) => number, row: number) => void,
): void {
  const length = shape[axis];
  const stride = stridesOf(shape)[axis];
  const rows = length === 0 ? 0 : sizeOf(shape) / length;
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / stride) * stride * length + (row % stride);
    visit((i) => start + i * stride, row);
  }
}

/** `result[…, i, …] = x[…, positions[…, i, …], …]` */
export function takeAlong(ops: OpBuilder, x: Operand, positions: Operand, axis: number): Operand {
  const { shape } = positions.aval;
  const others = shape.map((_, a) => a).filter((a) => a !== axis);
  return ops.bind1("gather", [x, ops.reshape(positions, [...shape, 1])], {
    dimensionNumbers: {
      offsetDims: [],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    },
    sliceSizes: shape.map(() => 1),
    mode: "PROMISE_IN_BOUNDS",
    fillValue: null,
    indicesAreSorted: false,
    uniqueIndices: false,
  });
}
