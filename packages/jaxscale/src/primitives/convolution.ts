/** conv_general_dilated: lowered as a product of the kernel with patches that are read where they lie. */
import { isFloat } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { convPatches } from "./conv-patches.ts";
import { convolutionRules } from "./convolution-rules.ts";
import { type ConvParams, type ConvSizes, convResultShape, convSizes } from "./convolution-shape.ts";
import { type DotDimensionNumbers, dotResultType } from "./dot-general.ts";
import { type Dimension, newFactors } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type LoweringContext } from "./primitive.ts";
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
