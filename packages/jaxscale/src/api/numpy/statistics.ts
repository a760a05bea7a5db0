/** Means and variances. */
import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { broadcastShapes, sameShape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike, NumberArray } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { type Axis, accumulationDType, axesOf } from "./axes.ts";
import { multiply } from "./elementwise.ts";
import { where as whereOf } from "./logic.ts";
import { broadcastArgs, inexactDType, promoteArgsInexact } from "./promotion.ts";
import { type ReductionOptions, sum } from "./reductions.ts";
import { float, resultType } from "./scalars.ts";
import { staticJit } from "./static-jit.ts";

/** Options of `mean`. */
export interface MeanOptions extends ReductionOptions {
  /** Type to compute in and of the result. */
  readonly dtype?: DType;
}

const sizeAlong = (x: Array, axes: readonly number[]): number => axes.reduce((size, axis) => size * x.shape[axis], 1);

/** How many elements take part, in the dtype. */
function countOf(x: Array, options: Omit<MeanOptions, "dtype">, dtype: DType, op: string): Array {
  const { where } = options;
  if (where === undefined) return scalarOf(sizeAlong(x, axesOf(op, options.axis, x.ndim)), dtype);
  const shape = broadcastShapes(op, x.shape, asArray(op, where).shape);
  const [taking] = broadcastArgs(op, where, lax.full(shape, false));
  return sum(taking, { axis: options.axis, keepdims: options.keepdims, dtype });
}

const meanDefaults = { axis: null, keepdims: false, where: undefined, dtype: undefined } as const;

/** Mean; of ints and bools float32; 16-bit floats accumulate in float32. Over nothing NaN. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.mean.html */
export function mean(x: ArrayLike, given?: MeanOptions): NumberArray {
  const options = optionsOf("mean", given, meanDefaults);
  const operand = asArray("mean", x);
  const result = options.dtype ?? inexactDType(operand.dtype);
  const computed = options.dtype ?? accumulationDType(result);
  const count = countOf(operand, options, computed, "mean");
  return convertTo(lax.div(sum(operand, { ...options, dtype: computed }), count), result, false);
}

/** Options of `average`. */
export interface AverageOptions {
  readonly axis?: number | null;
  /** One for each element, or for each place along `axis`; all equal if absent. */
  readonly weights?: ArrayLike;
  readonly keepdims?: boolean;
}
/** Weighted mean. @throws ShapeError unless the weights have x's shape, or that of the axis @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.average.html */
export function average(x: ArrayLike, options?: AverageOptions): NumberArray {
  const { axis, weights, keepdims } = optionsOf("average", options, {
    axis: null,
    weights: undefined,
    keepdims: false,
  });
  const along = { axis, keepdims };
  if (weights === undefined) return mean(promoteArgsInexact("average", x)[0], along);
  const [given, factors] = [asArray("average", x), asArray("average", weights)];
  const dtype = inexactDType(resultType(given, factors));
  const [operand, weight] = [convertTo(given, dtype, false), convertTo(factors, dtype, false)];
  const shaped = sameShape(operand.shape, weight.shape) ? weight : alongAxis(operand, weight, axis);
  const total = sum(shaped, along);
  return lax.div(sum(multiply(operand, shaped), along), total);
}

function alongAxis(x: Array, weights: Array, axis: number | null): Array {
  const [place] = axis === null ? [] : axesOf("average", axis, x.ndim);
  if (place === undefined || weights.ndim !== 1 || weights.shape[0] !== x.shape[place])
    throw new ShapeError(
      `average: weights must have x's shape, or the length of the axis; got ${formatAval(weights.aval)} for ${formatAval(x.aval)} and axis ${axis}`,
    );
  return lax.reshape(
    weights,
    x.shape.map((size, i) => (i === place ? size : 1)),
  );
}

/** Options of `variance` and `std`. */
export interface VarianceOptions extends MeanOptions {
  /** Taken off the count that the sum of squares is divided by; 0 if absent. */
  readonly ddof?: number;
}
type VarianceStatics = readonly [dtype: DType, axis: Axis, keepdims: boolean, hasWhere: boolean];

const variance = staticJit(
  "_var",
  (...[dtype, axis, keepdims]: VarianceStatics) =>
    (x: Array, ddof: Array, where?: Array) => {
      const computed = accumulationDType(inexactDType(dtype));
      const operand = convertTo(x, computed, false);
      const center = mean(operand, { axis, dtype: computed, keepdims: true, where });
      const squares = lax.square(lax.sub(operand, center));
      const count = countOf(operand, { axis, keepdims, where }, computed, "var");
      const divisor = lax.sub(count, convertTo(ddof, computed, false));
      const total = sum(squares, { axis, keepdims, where, dtype: computed });
      const result = convertTo(lax.div(total, divisor), dtype, false);
      return whereOf(lax.gt(divisor, scalarOf(0, computed)), result, float(Number.NaN));
    },
);
const deviation = staticJit(
  "_std",
  (...statics: VarianceStatics) =>
    (...operands: readonly Array[]) =>
      lax.sqrt((variance(...statics) as (...args: readonly Array[]) => Array)(...operands)),
);

function dispersion(op: string, x: ArrayLike, options: VarianceOptions | undefined, f: typeof deviation): Array {
  const operand = asArray(op, x);
  const { axis, keepdims, ddof, where, dtype: wanted } = optionsOf(op, options, { ...meanDefaults, ddof: 0 });
  const dtype = wanted ?? inexactDType(operand.dtype);
  const operands = [operand, asArray(op, ddof), ...(where === undefined ? [] : [asArray(op, where)])];
  return f(dtype, axis, keepdims, where !== undefined)(...operands);
}
/** Variance: mean square distance from the mean, over count - ddof; NaN if that is not positive. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.var.html */
const varianceOf = (x: ArrayLike, options?: VarianceOptions): NumberArray =>
  dispersion("var", x, options, variance as typeof deviation);

export { varianceOf as var };
/** Standard deviation: the root of the variance. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.std.html */
export const std = (x: ArrayLike, options?: VarianceOptions): NumberArray => dispersion("std", x, options, deviation);
