/** conv_general_dilated: lowered as a product of the kernel with patches that are read where they lie. */
import { isFloat } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { convPatches } from "./conv-patches.ts";
import {
  type ConvParams,
  type ConvSizes,
  convResultShape,
  convSizes,
  dilated,
  transposeSpec,
} from "./convolution-shape.ts";
import { type DotDimensionNumbers, dotResultType } from "./dot-general.ts";
import { type Dimension, inFloat32, newFactors } from "./factors.ts";
import { batched } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type DerivedRules, definePrimitive, type LoweringContext } from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { recordJaxpr } from "./record-jaxpr.ts";

const range = (count: number, start = 0): number[] => Array.from({ length: count }, (_, i) => start + i);

/** The convolution in other ops. */
function formula([lhs, rhs]: readonly ShapedArray[], params: ConvParams): ClosedJaxpr {
  const sizes = convSizes(lhs, rhs, params);
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const { groups, outFeatures, window, inFeatures } = sizes;
  return recordJaxpr([lhs, rhs], (ops, [x, w]) => {
    const { windowStrides, padding, lhsDilation, rhsDilation, batchGroupCount } = params;
    const shared = { windowStrides, padding, lhsDilation, rhsDilation, batchGroupCount };
    const patches = ops.bind1(convPatches.name, [x], { ...shared, lhsSpec, sizes });
    const [out, input, ...space] = rhsSpec;
    const kernel = ops.reshape(ops.transpose(w, [out, ...space, input]), [groups, outFeatures, ...window, inFeatures]);
    const featuresLast = outSpec[1] === outSpec.length - 1;
    const { result, spec } = (featuresLast ? patchesByKernel : kernelByPatches)(ops, patches, kernel, sizes, params);
    // From the order of the product's axes to that of the result.
    return [
      ops.transpose(
        result,
        inverse(outSpec).map((role) => spec.indexOf(role)),
      ),
    ];
  });
}

/** Role of each axis. */
const inverse = (spec: readonly number[]): number[] => range(spec.length).map((axis) => spec.indexOf(axis));

interface Product {
  readonly result: Operand;
  /** Roles of its axes: 0 batch, 1 feature, then space. */
  readonly spec: readonly number[];
}

/** `[batch, …space, feature]`: with one group no element has to move. */
function patchesByKernel(ops: OpBuilder, p: Operand, w: Operand, sizes: ConvSizes, params: ConvParams): Product {
  const { groups, batch, outFeatures, outSpace, window } = sizes;
  const dims = window.length;
  const spec = [0, ...range(dims, 2), 1];
  const preferredElementType = params.preferredElementType;
  if (groups === 1) {
    const dimensionNumbers: DotDimensionNumbers = [
      [range(dims + 1, 1 + dims), range(dims + 1, 1)],
      [[], []],
    ];
    const operands = [ops.squeeze(p, [0]), ops.squeeze(w, [0])];
    return { result: ops.bind1("dot_general", operands, { dimensionNumbers, preferredElementType }), spec };
  }
  const dimensionNumbers: DotDimensionNumbers = [
    [range(dims + 1, 2 + dims), range(dims + 1, 2)],
    [[0], [0]],
  ];
  const product = ops.bind1("dot_general", [p, w], { dimensionNumbers, preferredElementType });
  const moved = ops.transpose(product, [...range(dims + 1, 1), 0, dims + 2]);
  return { result: ops.reshape(moved, [batch, ...outSpace, groups * outFeatures]), spec };
}

/** `[batch, feature, …space]` */
function kernelByPatches(ops: OpBuilder, p: Operand, w: Operand, sizes: ConvSizes, params: ConvParams): Product {
  const { groups, batch, outFeatures, outSpace, window } = sizes;
  const dims = window.length;
  const dimensionNumbers: DotDimensionNumbers = [
    [range(dims + 1, 3), range(dims + 1, 2 + dims)],
    [
      [0, 1],
      [1, 0],
    ],
  ];
  const operands = [ops.broadcastAt(w, 0, batch), p];
  const product = ops.bind1("dot_general", operands, {
    dimensionNumbers,
    preferredElementType: params.preferredElementType,
  });
  return { result: ops.reshape(product, [batch, groups * outFeatures, ...outSpace]), spec: [0, 1, ...range(dims, 2)] };
}

const formulas = new WeakMap<ConvParams, Map<string, ClosedJaxpr>>();
function formulaOf(inputs: readonly ShapedArray[], params: ConvParams): ClosedJaxpr {
  let known = formulas.get(params);
  if (!known) formulas.set(params, (known = new Map()));
  const key = inputs.map(formatAval).join();
  let closed = known.get(key);
  if (!closed) known.set(key, (closed = formula(inputs, params)));
  return closed;
}

/** @throws ShapeError, DTypeError */
function resultAval([lhs, rhs]: readonly ShapedArray[], params: ConvParams): ShapedArray {
  if (lhs.dtype !== rhs.dtype)
    throw new DTypeError(
      `conv_general_dilated: lhs and rhs must have equal dtypes; got ${formatAval(lhs)} and ${formatAval(rhs)}`,
    );
  const shape = convResultShape(convSizes(lhs, rhs, params), params.dimensionNumbers.outSpec);
  const dtype = dotResultType(lhs, rhs, params.preferredElementType);
  return shapedArray(shape, dtype, lhs.weakType && rhs.weakType);
}

/** The rule, and the name of the factor that groups are. */
function sharding({ inputs: [lhs, rhs], params }: LoweringContext<ConvParams>) {
  const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
  const sizes = convSizes(lhs, rhs, params);
  const f = newFactors();
  const group = f.parallel(sizes.groups);
  const batch = f.parallel(sizes.batch);
  const out = [...group, ...f.parallel(sizes.outFeatures)];
  const input = f.reduction(sizes.inFeatures, "add");
  const byBatch = params.batchGroupCount > 1;
  const placed = (spec: readonly number[], first: Dimension, second: Dimension, space: readonly Dimension[]) =>
    inverse(spec).map((role) => [first, second, ...space][role]);
  const rule = f.rule(
    [
      placed(
        lhsSpec,
        byBatch ? [...group, ...batch] : batch,
        byBatch ? input : [...group, ...input],
        sizes.space.map(f.replicated),
      ),
      placed(rhsSpec, out, input, sizes.window.map(f.replicated)),
    ],
    [placed(outSpec, batch, out, sizes.outSpace.map(f.replicated))],
  );
  return { rule, group };
}

const pairs = (padding: ConvParams["padding"]): string => tuple(padding);

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

const convolutionRules: DerivedRules<ConvParams> = {
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

/** Slides rhs over lhs; both may be dilated, and features or the batch cut into groups. Sums are f32. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_general_dilated.html */
export const convGeneralDilated = definePrimitive<ConvParams>("conv_general_dilated", {
  ...convolutionRules,
  abstractEval: (inputs, params) => [resultAval(inputs, params)],
  reference: (inputs, params) => {
    const avals = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
    const { dtype } = resultAval(avals, params);
    // Left unrounded, as parts of sums have to be.
    const wide: ConvParams = isFloat(dtype) ? { ...params, preferredElementType: "float32" } : params;
    return interpret(formula(avals, wide), inputs).map(({ shape, values }) => hostTensor(shape, dtype, values));
  },
  lowering: { kind: "call", body: ({ inputs, params }) => formulaOf(inputs, params) },
  sharding: (context) => sharding(context).rule,
  partialParams: inFloat32,
  localParams: (context, sizes) => {
    const { params } = context;
    const [name] = sharding(context).group;
    if (name === undefined) return params;
    const key = params.batchGroupCount > 1 ? "batchGroupCount" : "featureGroupCount";
    return { ...params, [key]: sizes[name] };
  },
  cost: ({ inputs: [lhs, rhs], outputs: [out], params }) => {
    const { window, inFeatures } = convSizes(lhs, rhs, params);
    return { flops: 2 * sizeOf(out.shape) * sizeOf(window) * inFeatures, transcendentals: 0 };
  },
  printParams: (params) => {
    const { lhsSpec, rhsSpec, outSpec } = params.dimensionNumbers;
    return {
      batch_group_count: String(params.batchGroupCount),
      dimension_numbers: `ConvDimensionNumbers(lhs_spec=${tuple(lhsSpec)}, rhs_spec=${tuple(rhsSpec)}, out_spec=${tuple(outSpec)})`,
      feature_group_count: String(params.featureGroupCount),
      lhs_dilation: tuple(params.lhsDilation),
      padding: pairs(params.padding),
      precision: "None",
      preferred_element_type: params.preferredElementType ?? "None",
      rhs_dilation: tuple(params.rhsDilation),
      window_strides: tuple(params.windowStrides),
    };
  },
});
