/** How gathers are differentiated and batched. */
import type { GatherParams } from "./gather.ts";
import { batched, shiftedByOne } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { BatchAxis, Batched, PrimitiveRules } from "./primitive.ts";
import type { ScatterDimensionNumbers } from "./scatter-dimensions.ts";

type Rules = Pick<PrimitiveRules<GatherParams>, "jvp" | "transpose" | "batch">;

export const gatherRules: Rules = {
  jvp: ({ bind1 }, [, indices], [dx], { params }) => {
    // What is out of bounds is constant.
    const fillValue = params.mode === "FILL_OR_DROP" ? 0 : null;
    return [dx && bind1("gather", [dx, indices], { ...params, fillValue })];
  },
  transpose: ({ bind1, zeros }, [ct], [, indices], { inputs: [x], params }) => {
    if (ct === null || indices === null) return [null, null];
    const { dimensionNumbers: numbers, mode, indicesAreSorted, uniqueIndices } = params;
    const dimensionNumbers: ScatterDimensionNumbers = {
      updateWindowDims: numbers.offsetDims,
      insertedWindowDims: numbers.collapsedSliceDims,
      scatterDimsToOperandDims: numbers.startIndexMap,
      operandBatchingDims: numbers.operandBatchingDims,
      scatterIndicesBatchingDims: numbers.startIndicesBatchingDims,
    };
    const flags = { dimensionNumbers, mode, indicesAreSorted, uniqueIndices };
    return [bind1("scatter-add", [zeros(x), indices, ct], flags), null];
  },
  batch: (ops, operands, dims, { params, axis }) => batchGather(ops, operands, dims, axis, params),
};

export function batchGather(
  ops: OpBuilder,
  [x, indices]: readonly Operand[],
  [dim, indicesDim]: readonly (number | null)[],
  { size }: BatchAxis,
  params: GatherParams,
): Batched {
  const { dimensionNumbers: numbers, sliceSizes } = params;
  const offsetDims = shiftedByOne(numbers.offsetDims);
  if (dim === null) {
    const startIndicesBatchingDims = shiftedByOne(numbers.startIndicesBatchingDims);
    const result = ops.bind1("gather", [x, ops.batchToFront(indices, indicesDim, size)], {
      ...params,
      dimensionNumbers: { ...numbers, offsetDims, startIndicesBatchingDims },
      // Rows of indices that are each sorted and unique need not be so together.
      indicesAreSorted: false,
      uniqueIndices: false,
    });
    return batched(result, 0);
  }
  const operand = ops.batchToFront(x, dim, size);
  const operandDims = {
    collapsedSliceDims: shiftedByOne(numbers.collapsedSliceDims),
    operandBatchingDims: shiftedByOne(numbers.operandBatchingDims),
    startIndexMap: shiftedByOne(numbers.startIndexMap),
  };
  if (indicesDim === null) {
    const whole = { ...numbers, ...operandDims, offsetDims: [0, ...offsetDims] };
    const wholeSizes = [size, ...sliceSizes];
    return batched(
      ops.bind1("gather", [operand, indices], { ...params, dimensionNumbers: whole, sliceSizes: wholeSizes }),
      0,
    );
  }
  const paired = {
    ...operandDims,
    offsetDims,
    operandBatchingDims: [0, ...operandDims.operandBatchingDims],
    startIndicesBatchingDims: [0, ...shiftedByOne(numbers.startIndicesBatchingDims)],
  };
  const result = ops.bind1("gather", [operand, ops.batchToFront(indices, indicesDim, size)], {
    ...params,
    dimensionNumbers: paired,
    sliceSizes: [size === 0 ? 0 : 1, ...sliceSizes],
  });
  return batched(result, 0);
}
