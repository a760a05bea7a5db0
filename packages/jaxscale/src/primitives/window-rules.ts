/** How slices at computed places are differentiated and batched: as gathers and scatters. */

import type { Params } from "../jaxpr/ir.ts";
import type { DynamicSliceParams } from "./dynamic-slice.ts";
import { batchGather } from "./gather-rules.ts";
import { batched } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { BatchAxis, PrimitiveRules } from "./primitive.ts";
import { batchScatter } from "./scatter-rules.ts";

type Rules<P extends Params> = Pick<PrimitiveRules<P>, "jvp" | "transpose" | "batch">;

const none = (xs: readonly unknown[]): null[] => xs.map(() => null);

export const dynamicSliceRules: Rules<DynamicSliceParams> = {
  jvp: ({ bind1 }, [, ...starts], [dx], { params }) => [dx && bind1("dynamic_slice", [dx, ...starts], params)],
  transpose: ({ bind1, zeros }, [ct], [, ...starts], { inputs: [x] }) => [
    ct && bind1("dynamic_update_slice", [zeros(x), ct, ...(starts as Operand[])]),
    ...none(starts),
  ],
  batch: (ops, [x, ...starts], [dim, ...startDims], { params: { sliceSizes }, inputs, axis }) => {
    const axes = [...inputs[0].shape.keys()];
    if (axes.length === 0) return batched(x, dim);
    const indices = indexVectors(ops, starts, startDims, axis);
    return batchGather(ops, [x, indices.vectors], [dim, indices.dim], axis, {
      dimensionNumbers: {
        offsetDims: axes,
        collapsedSliceDims: [],
        startIndexMap: axes,
        operandBatchingDims: [],
        startIndicesBatchingDims: [],
      },
      sliceSizes,
      mode: "CLIP",
      fillValue: null,
      indicesAreSorted: true,
      uniqueIndices: true,
    });
  },
};

export const dynamicUpdateSliceRules: Rules<Params> = {
  jvp: ({ bind1, zeros }, [x, update, ...starts], [dx, dUpdate]) =>
    dx || dUpdate
      ? [bind1("dynamic_update_slice", [dx ?? zeros(x.aval), dUpdate ?? zeros(update.aval), ...starts])]
      : [null],
  transpose: ({ bind1, zeros }, [ct], [x, update, ...starts], { inputs }) => {
    if (ct === null) return [null, null, ...none(starts)];
    const at = starts as Operand[];
    return [
      x === null ? bind1("dynamic_update_slice", [ct, zeros(inputs[1]), ...at]) : null,
      update === null ? bind1("dynamic_slice", [ct, ...at], { sliceSizes: inputs[1].shape }) : null,
      ...none(starts),
    ];
  },
  batch: (ops, [x, update, ...starts], [dim, updateDim, ...startDims], { inputs, axis }) => {
    const axes = [...inputs[0].shape.keys()];
    if (axes.length === 0) return batched(update, updateDim);
    const indices = indexVectors(ops, starts, startDims, axis);
    return batchScatter(ops, "scatter", [x, indices.vectors, update], [dim, indices.dim, updateDim], axis, {
      dimensionNumbers: {
        updateWindowDims: axes,
        insertedWindowDims: [],
        scatterDimsToOperandDims: axes,
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      },
      mode: "CLIP",
      indicesAreSorted: true,
      uniqueIndices: true,
    });
  },
};

/** Scalars as one index vector, or one for each index along the mapped axis. */
function indexVectors(
  ops: OpBuilder,
  starts: readonly Operand[],
  dims: readonly (number | null)[],
  { size }: BatchAxis,
): { readonly vectors: Operand; readonly dim: number | null } {
  if (dims.every((dim) => dim === null)) {
    const parts = starts.map((x) => ops.broadcastInDim(x, [1], []));
    return { vectors: ops.concatenate(parts, 0), dim: null };
  }
  const columns = starts.map((x, i) => ops.broadcastInDim(x, [size, 1], dims[i] === null ? [] : [0]));
  return { vectors: ops.concatenate(columns, 1), dim: 0 };
}
