/** How convolutions are differentiated and batched: as other convolutions, as in JAX. */
import type { ShapedArray } from "../jaxpr/ir.ts";
import { type ConvParams, dilated, transposeSpec } from "./convolution-shape.ts";
import { batched } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

type Rules = Pick<PrimitiveRules<ConvParams>, "jvp" | "transpose" | "batch">;

const conv = ({ bind1 }: OpBuilder, lhs: Operand, rhs: Operand, params: ConvParams): Operand =>
  bind1("conv_general_dilated", [lhs, rhs], params);

/** Axis `from` becomes the major part of axis `to` (counted without it). */
function mergeInto(ops: OpBuilder, x: Operand, from: number, to: number): Operand {
  const rest = x.aval.shape.map((_, axis) => axis).filter((axis) => axis !== from);
  const order = rest.toSpliced(to, 0, from);
  const shape = rest.map((axis, i) => x.aval.shape[axis] * (i === to ? x.aval.shape[from] : 1));
  return ops.reshape(ops.transpose(x, order), shape);
}
/** The major part of axis `axis`, of this size, becomes an axis before it. */
function splitOff(ops: OpBuilder, x: Operand, axis: number, size: number): Operand {
  const { shape } = x.aval;
  return ops.reshape(x, [...shape.slice(0, axis), size, shape[axis] / size, ...shape.slice(axis + 1)]);
}

const sizesAlong = ({ shape }: ShapedArray, [, , ...space]: readonly number[]): number[] =>
  space.map((axis) => shape[axis]);

export const convolutionRules: Rules = {
  jvp: (ops, [x, w], [dx, dw], { params }) => [
    ops.addAny(dx && conv(ops, dx, w, params), dw && conv(ops, x, dw, params)),
  ],
  transpose: (ops, [ct], [x, w], { params, inputs }) => [
    ct && x === null && w ? lhsCotangent(ops, ct, inputs[0], w, params) : null,
    ct && w === null && x ? rhsCotangent(ops, ct, x, inputs[1], params) : null,
  ],
  batch: (ops, [x, w], [xDim, wDim], { params, axis: { size } }) => {
    if (xDim !== null && wDim !== null) return batchBoth(ops, x, w, xDim, wDim, params, size);
    return xDim !== null ? batchLhs(ops, x, w, xDim, params, size) : batchRhs(ops, x, w, wDim as number, params, size);
  },
};

function lhsCotangent(ops: OpBuilder, ct: Operand, x: ShapedArray, w: Operand, params: ConvParams): Operand {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const { windowStrides, lhsDilation, rhsDilation, padding, featureGroupCount, batchGroupCount } = params;
  const groups = featureGroupCount * batchGroupCount;
  const swapped = groups === 1 ? w : mergeInto(ops, splitOff(ops, w, rhsSpec[0], groups), rhsSpec[0], rhsSpec[1]);
  const window = sizesAlong(swapped.aval, rhsSpec);
  const out = sizesAlong(ct.aval, outSpec);
  const cotangentPadding = sizesAlong(x, lhsSpec).map((size, i): [number, number] => {
    const reach = dilated(window[i], rhsDilation[i]);
    const before = reach - padding[i][0] - 1;
    return [before, dilated(size, lhsDilation[i]) + reach - 1 - dilated(out[i], windowStrides[i]) - before];
  });
  const space = rhsSpec.slice(2);
  const reversed = space.length > 0 ? ops.bind1("rev", [swapped], { dimensions: space }) : swapped;
  const result = conv(ops, ct, reversed, {
    ...params,
    windowStrides: lhsDilation,
    lhsDilation: windowStrides,
    padding: cotangentPadding,
    dimensionNumbers: { lhsSpec: outSpec, rhsSpec: transposeSpec(rhsSpec), outSpec: lhsSpec },
    featureGroupCount: groups,
    batchGroupCount: 1,
    preferredElementType: null,
  });
  if (batchGroupCount === 1) return result;
  return mergeInto(ops, splitOff(ops, result, lhsSpec[1], batchGroupCount), lhsSpec[1], lhsSpec[0]);
}

function rhsCotangent(ops: OpBuilder, ct: Operand, x: Operand, w: ShapedArray, params: ConvParams): Operand {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const { windowStrides, lhsDilation, rhsDilation, padding, featureGroupCount, batchGroupCount } = params;
  const window = sizesAlong(w, rhsSpec);
  const out = sizesAlong(ct.aval, outSpec);
  const cotangentPadding = sizesAlong(x.aval, lhsSpec).map((size, i): [number, number] => {
    const [low] = padding[i];
    const fromLhs = dilated(out[i], windowStrides[i]) - dilated(size, lhsDilation[i]);
    return [low, fromLhs + dilated(window[i], rhsDilation[i]) - low - 1];
  });
  return conv(ops, x, ct, {
    ...params,
    windowStrides: rhsDilation,
    rhsDilation: windowStrides,
    padding: cotangentPadding,
    dimensionNumbers: {
      lhsSpec: transposeSpec(lhsSpec),
      rhsSpec: transposeSpec(outSpec),
      outSpec: transposeSpec(rhsSpec),
    },
    featureGroupCount: batchGroupCount,
    batchGroupCount: featureGroupCount,
    preferredElementType: null,
  });
}

function batchBoth(
  ops: OpBuilder,
  x: Operand,
  w: Operand,
  xDim: number,
  wDim: number,
  params: ConvParams,
  size: number,
) {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const byBatch = params.batchGroupCount > 1;
  const lhs = mergeInto(ops, x, xDim, lhsSpec[byBatch ? 0 : 1]);
  const rhs = mergeInto(ops, w, wDim, rhsSpec[0]);
  const groups = byBatch
    ? { batchGroupCount: params.batchGroupCount * size }
    : { featureGroupCount: params.featureGroupCount * size };
  return batched(splitOff(ops, conv(ops, lhs, rhs, { ...params, ...groups }), outSpec[1], size), outSpec[1]);
}

function batchLhs(ops: OpBuilder, x: Operand, w: Operand, dim: number, params: ConvParams, size: number) {
  const { lhsSpec, outSpec } = params.dimensionNumbers;
  const lhs =
    params.batchGroupCount === 1
      ? mergeInto(ops, x, dim, lhsSpec[0])
      : mergeWithinGroups(ops, x, dim, lhsSpec[0], params.batchGroupCount);
  return batched(splitOff(ops, conv(ops, lhs, w, params), outSpec[0], size), outSpec[0]);
}

function batchRhs(ops: OpBuilder, x: Operand, w: Operand, dim: number, params: ConvParams, size: number) {
  const { rhsSpec, outSpec } = params.dimensionNumbers;
  const groups = params.featureGroupCount * params.batchGroupCount;
  const feature = outSpec[1];
  if (groups === 1)
    return batched(splitOff(ops, conv(ops, x, mergeInto(ops, w, dim, rhsSpec[0]), params), feature, size), feature);
  const out = conv(ops, x, mergeWithinGroups(ops, w, dim, rhsSpec[0], groups), params);
  const apart = splitOff(ops, splitOff(ops, out, feature, groups), feature + 1, size);
  return batched(mergeInto(ops, apart, feature, feature + 1), feature);
}

/** The mapped axis made part of `to`, inside the groups that it is cut into, which stay outermost. */
function mergeWithinGroups(ops: OpBuilder, x: Operand, dim: number, to: number, groups: number): Operand {
  const apart = splitOff(ops, x, to + Number(dim <= to), groups);
  const inner = mergeInto(ops, apart, dim + Number(to < dim), to + 1);
  return mergeInto(ops, inner, to, to);
}
