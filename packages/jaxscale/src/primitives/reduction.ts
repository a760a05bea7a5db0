/** Reductions: axes folded away by an associative operation. */
import { bitsOf, type DType, isBool, isFloat } from "../base/dtypes.ts";
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { type Params, shapedArray } from "../jaxpr/ir.ts";
import { gatherAlong } from "./along-devices.ts";
import { checkAxes } from "./axes.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import { and, checkAccepts, initialValue, type Monoid, max, min, or, product, sum, xor } from "./monoids.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type PrimitiveRules,
  type ShardingRule,
} from "./primitive.ts";
import { tuple } from "./python-text.ts";

export type ReductionParams = { readonly axes: readonly number[] };

const withoutAxes = (shape: Shape, axes: readonly number[]): number[] =>
  shape.filter((_, axis) => !axes.includes(axis));

/** Visits every element with its linear position and that of the result it belongs to. */
export function forEachReduced(
  shape: Shape,
  axes: readonly number[],
  visit: (linear: number, result: number, index: readonly number[]) => void,
): void {
  const kept = stridesOf(withoutAxes(shape, axes));
  let next = 0;
  const strides = shape.map((_, axis) => (axes.includes(axis) ? 0 : kept[next++]));
  forEachIndex(shape, (index, linear) =>
    visit(
      linear,
      index.reduce((at, c, axis) => at + c * strides[axis], 0),
      index,
    ),
  );
}

function fold(x: HostTensor, axes: readonly number[], monoid: Monoid): HostTensor {
  const shape = withoutAxes(x.shape, axes);
  const combine = monoid.combine(x.dtype);
  const accumulators = new Float64Array(sizeOf(shape)).fill(monoid.initial(x.dtype));
  forEachReduced(x.shape, axes, (linear, result) => {
    accumulators[result] = combine(accumulators[result], x.values[linear]);
  });
  const out = hostTensor(shape, x.dtype);
  out.values.set(accumulators);
  return out;
}

/** Reduced axes as one kind of factor, the others parallel. */
export function reductionRule(
  { inputs: [x], params }: Pick<LoweringContext<ReductionParams>, "inputs" | "params">,
  reduced: (f: FactorList, size: number) => Dimension,
): ShardingRule {
  const f = newFactors();
  const dims = x.shape.map((size, axis) => (params.axes.includes(axis) ? reduced(f, size) : f.parallel(size)));
  return f.rule([dims], [dims.filter((_, axis) => !params.axes.includes(axis))]);
}

/** Of partial results that no collective combines (products, bits of integers) every device gets all and combines them itself. */
function reduceAcross(
  ops: OpBuilder,
  name: string,
  monoid: Monoid,
  context: PartitionContext<ReductionParams>,
): readonly Part[] | undefined {
  const {
    params: { axes },
    inputs: [{ dtype, weakType }],
    sizes,
  } = context;
  if (hasCollective(monoid, dtype)) return undefined;
  const arranged = context.arranged(reductionRule(context, (f, size) => f.reduction(size)));
  const across = axes.flatMap((axis) => arranged.operands[0][axis]);
  if (across.length === 0) return undefined;
  const [x] = arranged.parts();
  const partial = ops.bind1(name, [isFloat(dtype) ? ops.convert(x, "float32", weakType) : x], { axes });
  const partials = gatherAlong(ops, ops.expandDims(partial, [0]), 0, across, sizes);
  const value = ops.convert(ops.bind1(name, [partials], { axes: [0] }), dtype, weakType);
  return [{ value, layout: arranged.results[0] }];
}

/** Of bools `or` is the largest and `and` the smallest; there is no collective for bits. */
const hasCollective = ({ across }: Monoid, dtype: DType): boolean =>
  across === "add" || across === "max" || across === "min" || (isBool(dtype) && (across === "and" || across === "or"));

export type ReductionRules = Pick<PrimitiveRules<ReductionParams>, "jvp" | "differentiate" | "transpose">;

const others = (x: Operand, axes: readonly number[]): number[] =>
  x.aval.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));

/** Of every op with `axes` that it folds away. */
export const batchReduction =
  <P extends Params & ReductionParams>(name: string): NonNullable<PrimitiveRules<P>["batch"]> =>
  ({ bind1 }, [x], [at], { params }) => {
    const dim = at as number;
    const axes = shifted(params.axes, dim);
    return batched(bind1(name, [x], { ...params, axes }), others(x, axes).indexOf(dim));
  };

const sumRules: ReductionRules = {
  jvp: linearJvp("reduce_sum"),
  transpose: ({ broadcastInDim }, [ct], _, { inputs: [{ shape }], params: { axes } }) => {
    const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    return [ct && broadcastInDim(ct, shape, kept)];
  },
};

/** The elements that are the extreme share the tangent equally. */
const extremeJvp: NonNullable<PrimitiveRules<ReductionParams>["jvp"]> = (
  { reshape, convert, eq, reduceSum, div, mul },
  [x],
  [dx],
  { results: [y], params: { axes } },
) => {
  if (dx === null) return [null];
  const spread = reshape(
    y,
    x.aval.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  );
  const chosen = convert(eq(x, spread), dx.aval.dtype);
  const count = reduceSum(chosen, axes);
  return [div(reduceSum(mul(dx, chosen), axes), count)];
};

/** The product as a tree of products of two, so that no factor is divided by. */
const productRules: ReductionRules = {
  differentiate: (ops, [x], [dx], { params: { axes } }) => {
    let [value, tangent] = [x, dx as Operand].map((y) => reducedToFront(ops, y, axes));
    if (value.aval.shape[0] === 0) {
      const shape = value.aval.shape.slice(1);
      return { results: [ops.full(shape, 1, x.aval.dtype)], tangents: [null] };
    }
    while (value.aval.shape[0] > 1) {
      const [low, high] = halves(ops, value, 1);
      const [lowTangent, highTangent] = halves(ops, tangent, 0);
      value = ops.mul(low, high);
      tangent = ops.addAny(ops.mul(lowTangent, high), ops.mul(low, highTangent)) as Operand;
    }
    return { results: [ops.squeeze(value, [0])], tangents: [ops.squeeze(tangent, [0])] };
  },
};

/** The reduced axes as one, in front. */
function reducedToFront({ reshape, transpose }: OpBuilder, x: Operand, axes: readonly number[]): Operand {
  const kept = others(x, axes);
  const { shape } = x.aval;
  const folded = sizeOf(axes.map((axis) => shape[axis]));
  return reshape(transpose(x, [...axes, ...kept]), [folded, ...kept.map((axis) => shape[axis])]);
}

/** Both halves along axis 0, the second filled up to the first's length. */
function halves({ slice, pad, literal }: OpBuilder, x: Operand, fill: number): readonly [Operand, Operand] {
  const { shape, dtype } = x.aval;
  const half = Math.ceil(shape[0] / 2);
  const zeros = shape.map(() => 0);
  const low = slice(x, zeros, shape.with(0, half));
  const high = slice(x, zeros.with(0, half), shape);
  if (shape[0] % 2 === 0) return [low, high];
  const config = shape.map((_, axis) => [0, axis === 0 ? 1 : 0, 0]);
  return [low, pad(high, literal(fill, dtype), config)];
}

function defineReduction(
  name: string,
  monoid: Monoid,
  rules: ReductionRules & Pick<PrimitiveRules<ReductionParams>, "sumAxes" | "summed"> = {},
  alsoPrinted: Readonly<Record<string, string>> = {},
): PrimitiveRules<ReductionParams> {
  return definePrimitive<ReductionParams>(name, {
    batch: batchReduction(name),
    ...rules,
    abstractEval: ([x], { axes }) => {
      checkAccepts(name, monoid, x);
      checkAxes(name, "axes", axes, x);
      return [shapedArray(withoutAxes(x.shape, axes), x.dtype, x.weakType)];
    },
    reference: ([x], { axes }) => [fold(x, axes, monoid)],
    lowering: {
      kind: "reduce",
      axes: ({ params }) => params.axes,
      initial: (k, { inputs: [x] }) => [initialValue(k, monoid, x.dtype)],
      lift: (_, element) => [element],
      combine: (k, [left], [right], { inputs: [x] }) => [monoid.kernel(k, left, right, x.dtype)],
      finish: (_, [result]) => result,
    },
    sharding: (context) =>
      reductionRule(context, (f, size) => (monoid.across ? f.reduction(size, monoid.across) : f.replicated(size))),
    partition: (ops, _, context) => reduceAcross(ops, name, monoid, context),
    cost: ({ inputs: [x] }) => ({ flops: monoid.flops * sizeOf(x.shape), transcendentals: 0 }),
    exact: monoid.exact,
    printParams: ({ axes }) => ({ axes: tuple(axes), ...alsoPrinted }),
  });
}

/** Sums; accumulates in f32 or 32-bit integers, over nothing 0. The result has the operand's dtype. */
export const reduceSum = defineReduction(
  "reduce_sum",
  sum,
  {
    ...sumRules,
    sumAxes: ({ axes }) => axes,
    summed: ({ inputs: [x], params }, axes) => {
      // A narrow sum is rounded before it is summed again.
      if (bitsOf(x.dtype) !== 32) return undefined;
      const kept = others({ aval: x }, params.axes);
      const all = [...params.axes, ...axes.map((axis) => kept[axis])].sort((a, b) => a - b);
      return { operands: [0], params: { axes: all } };
    },
  },
  { out_sharding: "None" },
);
/** Products; over nothing 1. */
export const reduceProd = defineReduction("reduce_prod", product, productRules);
/** Largest elements; NaN if there is one; over nothing −inf or the least integer. */
export const reduceMax = defineReduction("reduce_max", max, { jvp: extremeJvp });
/** Smallest elements; NaN if there is one; over nothing inf or the greatest integer. */
export const reduceMin = defineReduction("reduce_min", min, { jvp: extremeJvp });
/** Conjunction of bools, or of integers' bits. */
export const reduceAnd = defineReduction("reduce_and", and);
/** Disjunction of bools, or of integers' bits. */
export const reduceOr = defineReduction("reduce_or", or);
/** Exclusive or of bools, or of integers' bits. */
export const reduceXor = defineReduction("reduce_xor", xor);
