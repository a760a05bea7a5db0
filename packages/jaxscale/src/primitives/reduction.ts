/** Reductions: axes folded away by an associative operation. */

import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import { checkAxes } from "./axes.ts";
import { newFactors } from "./factors.ts";
import { and, checkAccepts, initialValue, type Monoid, max, min, or, product, sum, xor } from "./monoids.ts";
import { definePrimitive, type LoweringContext, type PrimitiveRules, type ShardingRule } from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { batchReduction, extremeJvp, productRules, type ReductionRules, sumRules } from "./reduction-rules.ts";

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
  { inputs: [x], params }: LoweringContext<ReductionParams>,
  across: Monoid["across"],
): ShardingRule {
  const f = newFactors();
  const dims = x.shape.map((size, axis) =>
    !params.axes.includes(axis) ? f.parallel(size) : across ? f.reduction(size, across) : f.replicated(size),
  );
  return f.rule([dims], [dims.filter((_, axis) => !params.axes.includes(axis))]);
}

function defineReduction(
  name: string,
  monoid: Monoid,
  rules: ReductionRules = {},
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
    sharding: (context) => reductionRule(context, monoid.across),
    cost: ({ inputs: [x] }) => ({ flops: monoid.flops * sizeOf(x.shape), transcendentals: 0 }),
    exact: monoid.exact,
    printParams: ({ axes }) => ({ axes: tuple(axes), ...alsoPrinted }),
  });
}

/** Sums; accumulates in f32 or 32-bit integers, over nothing 0. The result has the operand's dtype. */
export const reduceSum = defineReduction("reduce_sum", sum, sumRules, { out_sharding: "None" });
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
