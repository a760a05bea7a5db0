/** How ops that move axes are differentiated and batched. */
import type { Params } from "../jaxpr/ir.ts";
import type { BroadcastInDimParams } from "./broadcast.ts";
import type { ConcatenateParams } from "./concatenate.ts";
import { batched, linearJvp, shifted, shiftedByOne } from "./linear-rules.ts";
import type { Padding, PadParams } from "./pad.ts";
import type { PrimitiveRules } from "./primitive.ts";
import type { DimensionsParams, ReshapeParams, TransposeParams } from "./shape.ts";
import type { SliceParams, SplitParams } from "./slice.ts";

type Rules<P extends Params> = Pick<PrimitiveRules<P>, "jvp" | "transpose" | "batch">;

export const reshapeRules: Rules<ReshapeParams> = {
  jvp: linearJvp("reshape"),
  transpose: ({ reshape }, [ct], _, { inputs: [x] }) => [ct && reshape(ct, x.shape)],
  batch: ({ reshape, batchToFront }, [x], [dim], { params, axis }) =>
    batched(reshape(batchToFront(x, dim, axis.size), [axis.size, ...params.newSizes]), 0),
};

export const transposeRules: Rules<TransposeParams> = {
  jvp: linearJvp("transpose"),
  transpose: ({ transpose }, [ct], _, { params: { permutation } }) => [
    ct &&
      transpose(
        ct,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
  ],
  batch: ({ transpose }, [x], [dim], { params }) =>
    batched(transpose(x, [dim as number, ...shifted(params.permutation, dim as number)]), 0),
};

export const squeezeRules: Rules<DimensionsParams> = {
  jvp: linearJvp("squeeze"),
  transpose: ({ expandDims }, [ct], _, { params }) => [ct && expandDims(ct, params.dimensions)],
  batch: ({ squeeze, batchToFront }, [x], [dim], { params, axis }) =>
    batched(squeeze(batchToFront(x, dim, axis.size), shiftedByOne(params.dimensions)), 0),
};

export const revRules: Rules<DimensionsParams> = {
  jvp: linearJvp("rev"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("rev", [ct], params)],
  batch: ({ bind1 }, [x], [dim], { params }) =>
    batched(bind1("rev", [x], { dimensions: shifted(params.dimensions, dim as number) }), dim),
};

export const broadcastRules: Rules<BroadcastInDimParams> = {
  jvp: linearJvp("broadcast_in_dim"),
  transpose: ({ reduceSum, expandDims }, [ct], _, { inputs: [x], params: { shape, broadcastDimensions } }) => {
    const unit = x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] === 1);
    const kept = broadcastDimensions.filter((_, axis) => !unit.includes(axis));
    const axes = shape.map((_, axis) => axis).filter((axis) => !kept.includes(axis));
    return [ct && expandDims(reduceSum(ct, axes), unit)];
  },
  batch: ({ broadcastInDim, batchToFront }, [x], [dim], { params, axis }) => {
    const dimensions = [0, ...shiftedByOne(params.broadcastDimensions)];
    return batched(broadcastInDim(batchToFront(x, dim, axis.size), [axis.size, ...params.shape], dimensions), 0);
  },
};

export const sliceRules: Rules<SliceParams> = {
  jvp: linearJvp("slice"),
  transpose: ({ pad, literal }, [ct], _, { inputs: [x], params: { startIndices, strides } }) => {
    if (ct === null) return [null];
    const config = ct.aval.shape.map((size, axis): Padding => {
      const [start, stride] = [startIndices[axis], strides?.[axis] ?? 1];
      const end = start + (size === 0 ? 0 : 1 + (size - 1) * stride);
      return [start, x.shape[axis] - end, stride - 1];
    });
    return [pad(ct, literal(0, ct.aval.dtype), config)];
  },
  batch: ({ slice }, [x], [at], { params: { startIndices, limitIndices, strides } }) => {
    const dim = at as number;
    const limits = limitIndices.toSpliced(dim, 0, x.aval.shape[dim]);
    return batched(slice(x, startIndices.toSpliced(dim, 0, 0), limits, strides?.toSpliced(dim, 0, 1)), dim);
  },
};

export const splitRules: Rules<SplitParams> = {
  jvp: linearJvp("split"),
  transpose: ({ concatenate, zeros }, cotangents, _, { outputs, params }) => [
    concatenate(
      cotangents.map((ct, i) => ct ?? zeros(outputs[i])),
      params.axis,
    ),
  ],
  batch: ({ bind }, [x], [dim], { params: { axis, sizes } }) => ({
    results: bind("split", [x], { axis: shifted([axis], dim as number)[0], sizes }),
    dims: sizes.map(() => dim),
  }),
};

export const concatenateRules: Rules<ConcatenateParams> = {
  jvp: linearJvp("concatenate"),
  transpose: ({ bind }, [ct], operands, { inputs, params: { dimension } }) => {
    if (ct === null) return operands.map(() => null);
    if (operands.length === 1) return [ct];
    return bind("split", [ct], { axis: dimension, sizes: inputs.map((x) => x.shape[dimension]) });
  },
  batch: ({ concatenate, batchToFront }, operands, dims, { params, axis }) =>
    batched(
      concatenate(
        operands.map((x, i) => batchToFront(x, dims[i], axis.size)),
        params.dimension + 1,
      ),
      0,
    ),
};

export const padRules: Rules<PadParams> = {
  jvp: linearJvp("pad"),
  transpose: ({ pad, slice, reduceSum, sub, literal }, [ct], [x, value], { params: { paddingConfig } }) => {
    if (ct === null) return [null, null];
    const { shape, dtype } = ct.aval;
    const total = (y: typeof ct) =>
      reduceSum(
        y,
        y.aval.shape.map((_, axis) => axis),
      );
    const cut = pad(
      ct,
      literal(0, dtype),
      paddingConfig.map(([low, high]): Padding => [-low, -high, 0]),
    );
    const starts = shape.map(() => 0);
    const ofOperand = slice(
      cut,
      starts,
      cut.aval.shape,
      paddingConfig.map(([, , interior]) => interior + 1),
    );
    return [x === null ? ofOperand : null, value === null ? sub(total(ct), total(ofOperand)) : null];
  },
  batch: (ops, [x, value], [xDim, valueDim], { params, axis }) => {
    const dim = xDim ?? 0;
    const operand = xDim === null ? ops.broadcastAt(x, 0, axis.size) : x;
    const config = params.paddingConfig.toSpliced(dim, 0, [0, 0, 0]);
    if (valueDim === null) return batched(ops.pad(operand, value, config), dim);
    const { shape, dtype } = operand.aval;
    const padded = ops.pad(operand, ops.literal(0, dtype), config);
    const inside = ops.pad(ops.full(shape, 1, "bool"), ops.literal(0, "bool"), config);
    return batched(ops.select(inside, padded, ops.broadcastInDim(value, padded.aval.shape, [dim])), dim);
  },
};
