/** argmax, argmin: where along an axis the first extreme is. */

import { computeType, type DType, isBool, isFloat, isInteger } from "../base/dtypes.ts";
import { DTypeError, invariant, ShapeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { constantsLike, isNaN } from "../kernel/float.ts";
import type { Value } from "../kernel/ir.ts";
import { takeAlong } from "./along-axis.ts";
import { deviceOffset } from "./along-devices.ts";
import { checkAxes } from "./axes.ts";
import type { OpBuilder } from "./op-builder.ts";
import { definePrimitive, type Part, type PartitionContext, type PrimitiveRules } from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { batchReduction, forEachReduced, reductionRule } from "./reduction.ts";

export type ArgReductionParams = {
  /** Exactly one. */
  readonly axes: readonly number[];
  readonly indexDtype: DType;
};

type Extreme = "max" | "min";

const least = -(2 ** 31);
const greatest = 2 ** 31 - 1;

/**
 * An integer (i32, or u32 for unsigned and bool) that orders as the elements do, so that kernels compare no floats:
 * drivers differ on NaN. NaN lies beyond every number on the side that wins; both zeros are one.
 */
function orderKey(k: KernelBuilder, element: Value, dtype: DType, extreme: Extreme): Value {
  if (isBool(dtype)) return k.cast("u32", element);
  if (!isFloat(dtype)) return element;
  const { i } = constantsLike(k, element);
  const bits = k.bitcast("i32", element);
  const ordered = k.select(k.lt(bits, i(0)), k.sub(i(least), bits), bits);
  return k.select(isNaN(k, element), i(extreme === "max" ? greatest : least), ordered);
}

/** A key that loses to every other, or ties and loses by its position. */
function losingKey(k: KernelBuilder, dtype: DType, extreme: Extreme): Value {
  if (computeType(dtype) === "u32" || computeType(dtype) === "bool") return k.u32(extreme === "max" ? 0 : 0xffffffff);
  return k.i32(extreme === "max" ? least : greatest);
}

function locate(x: HostTensor, { axes, indexDtype }: ArgReductionParams, extreme: Extreme): HostTensor {
  const shape = x.shape.filter((_, axis) => axis !== axes[0]);
  const best = new Float64Array(sizeOf(shape));
  const out = hostTensor(shape, indexDtype);
  const beats = (a: number, b: number): boolean =>
    Number.isNaN(a) ? !Number.isNaN(b) : extreme === "max" ? a > b : a < b;
  forEachReduced(x.shape, axes, (linear, result, index) => {
    const position = index[axes[0]];
    if (position > 0 && !beats(x.values[linear], best[result])) return;
    best[result] = x.values[linear];
    out.values[result] = position;
  });
  return out;
}

/**
 * Along a split axis each device finds its own extreme and where it is; of the devices whose extreme is the extreme of all, the
 * first position wins. Two numbers a row move.
 */
function locateAcross(
  ops: OpBuilder,
  name: string,
  extreme: Extreme,
  context: PartitionContext<ArgReductionParams>,
): readonly Part[] | undefined {
  const { params, sizes } = context;
  const [axis] = params.axes;
  const arranged = context.arranged(reductionRule(context, (f, size) => f.reduction(size)));
  const axes = arranged.operands[0][axis];
  if (axes.length === 0) return undefined;
  const [x] = arranged.parts();
  const own = ops.bind1(name, [x], { ...params, indexDtype: "int32" });
  const value = ops.squeeze(takeAlong(ops, x, ops.expandDims(own, [axis]), axis), [axis]);
  const best = ops.bind1(`p${extreme}`, [value], { axes });
  // NaN is the extreme if there is one, and equals nothing.
  const wins = isFloat(value.aval.dtype) ? ops.or(ops.eq(value, best), ops.ne(value, value)) : ops.eq(value, best);
  const position = ops.add(own, deviceOffset(ops, axes, sizes, x.aval.shape[axis]));
  const candidate = ops.select(wins, position, ops.fullLike(position, greatest));
  const first = ops.bind1("pmin", [candidate], { axes });
  return [{ value: ops.convert(first, params.indexDtype), layout: arranged.results[0] }];
}

function defineArgReduction(name: string, extreme: Extreme): PrimitiveRules<ArgReductionParams> {
  return definePrimitive<ArgReductionParams>(name, {
    batch: batchReduction(name),
    abstractEval: ([x], { axes, indexDtype }) => {
      checkAxes(name, "axes", axes, x);
      invariant(axes.length === 1, `${name} reduces one axis`);
      if (!isInteger(indexDtype)) throw new DTypeError(`${name}: index_dtype must be an integer; got ${indexDtype}`);
      const [axis] = axes;
      if (x.shape[axis] === 0)
        throw new ShapeError(`${name}: the reduced axis must not be empty; got ${formatAval(x)} axis ${axis} = 0`);
      const shape = x.shape.filter((_, i) => i !== axis);
      return [shapedArray(shape, indexDtype)];
    },
    reference: ([x], params) => [locate(x, params, extreme)],
    lowering: {
      kind: "reduce",
      axes: ({ params }) => params.axes,
      initial: (k, { inputs: [x] }) => [losingKey(k, x.dtype, extreme), k.i32(greatest)],
      lift: (k, element, position, { inputs: [x] }) => [orderKey(k, element, x.dtype, extreme), position],
      combine: (k, [a, i], [b, j]) => {
        const better = extreme === "max" ? k.gt(b, a) : k.lt(b, a);
        const takesRight = k.or(better, k.and(k.eq(a, b), k.lt(j, i)));
        return [k.select(takesRight, b, a), k.select(takesRight, j, i)];
      },
      finish: (k, [, position], { params }) => k.cast(computeType(params.indexDtype), position),
    },
    sharding: (context) => reductionRule(context, (f, size) => f.replicated(size)),
    partition: (ops, _, context) => locateAcross(ops, name, extreme, context),
    cost: ({ inputs: [x] }) => ({ flops: sizeOf(x.shape), transcendentals: 0 }),
    printParams: ({ axes, indexDtype }) => ({ axes: tuple(axes), index_dtype: indexDtype }),
  });
}

/** Position of the first NaN along the axis, else of the first of the largest elements. */
export const argmax = defineArgReduction("argmax", "max");
/** Position of the first NaN along the axis, else of the first of the smallest elements. */
export const argmin = defineArgReduction("argmin", "min");
