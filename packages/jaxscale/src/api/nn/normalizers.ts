/** Softmax and related functions, normalization, one-hot encoding. */
import type { DType } from "../../base/dtypes.ts";
import { canonicalAxis } from "../../base/shapes.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { type Axis, axesOf } from "../numpy/axes.ts";
import { abs, add, divide, exp, log, multiply, sign, square, subtract } from "../numpy/elementwise.ts";
import { clip } from "../numpy/float-functions.ts";
import { less, notEqual, where as whereOf } from "../numpy/logic.ts";
import { constant, promoteArgsInexact } from "../numpy/promotion.ts";
import { max, sum } from "../numpy/reductions.ts";
import { float } from "../numpy/scalars.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { mean } from "../numpy/statistics.ts";

/** Options of `nn.softmax` and `nn.logSoftmax`. */
export interface SoftmaxOptions {
  /** One or several axes; the last if absent. */
  readonly axis?: Axis;
  /** Boolean mask of the elements to include; broadcasts with x. */
  readonly where?: ArrayLike;
}

const least = (): Array => float(-Infinity);

/** Subtracts the largest element of x, so that no exponential overflows. */
function shifted(x: Array, axis: Axis, where: Array | undefined): Array {
  const largest = max(x, { axis, where, initial: -Infinity, keepdims: true });
  const taking = where === undefined ? x : whereOf(where, x, least());
  return subtract(taking, lax.stopGradient(largest));
}

/** exp(x) over its sum along the axis: of ints float32. Excluded elements are 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.softmax.html */
export function softmax(x: ArrayLike, options?: SoftmaxOptions): Array {
  const { axis, where: taking } = optionsOf("softmax", options, { axis: -1, where: undefined });
  const operand = asArray("softmax", x);
  const where = taking === undefined ? undefined : asArray("softmax", taking);
  const powers = exp(shifted(operand, axis, where));
  const result = divide(powers, sum(powers, { axis, where, keepdims: true }));
  return where === undefined ? result : whereOf(where, result, 0);
}

const logOfSoftmax = staticJit("log_softmax", (axis: Axis) => (x: Array, where?: Array) => {
  const exponents = shifted(x, axis, where);
  const result = subtract(exponents, log(sum(exp(exponents), { axis, where, keepdims: true })));
  return where === undefined ? result : whereOf(where, result, least());
});
/** log(softmax(x)): of ints float32. Excluded elements are -∞. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.log_softmax.html */
export function logSoftmax(x: ArrayLike, options?: SoftmaxOptions): Array {
  const { axis, where } = optionsOf("log_softmax", options, { axis: -1, where: undefined });
  const operand = asArray("log_softmax", x);
  const f = logOfSoftmax(axis) as (...operands: readonly Array[]) => Array;
  return f(operand, ...(where === undefined ? [] : [asArray("log_softmax", where)]));
}

/** Options of `nn.logsumexp`. */
export interface LogsumexpOptions {
  readonly axis?: Axis;
  /** Factors of the exponentials. */
  readonly b?: ArrayLike;
  readonly keepdims?: boolean;
  /** Boolean mask of the elements to include; broadcasts with x. */
  readonly where?: ArrayLike;
}
/** `[log |Σ b exp(x)|, sign of the sum]` along the axes. @throws ShapeError */
function logsumexpAndSign(
  x: ArrayLike,
  options: LogsumexpOptions | undefined,
  wantsSign: boolean,
): readonly [Array, Array?] {
  const {
    axis,
    b: factor,
    keepdims,
    where,
  } = optionsOf("logsumexp", options, { axis: null, b: undefined, keepdims: false, where: undefined });
  const [given, b] =
    factor === undefined ? promoteArgsInexact("logsumexp", x) : promoteArgsInexact("logsumexp", x, factor);
  const taking = where === undefined ? given : whereOf(where, given, 0);
  const operand = b === undefined ? taking : whereOf(notEqual(b, 0), taking, least());
  const axes = axesOf("logsumexp", axis, operand.ndim);
  const largest = max(operand, { axis: axes, where, keepdims, initial: -Infinity });
  const finite = lax.select(lax.isFinite(largest), largest, lax.fullLike(largest, 0));
  const center = lax.stopGradient(finite);
  const powers = lax.exp(lax.sub(operand, keepdims ? center : lax.expandDims(center, axes)));
  const total = sum(b === undefined ? powers : multiply(powers, b), { axis: axes, where, keepdims });
  const totalSign = wantsSign || b !== undefined ? sign(total) : undefined;
  return [add(log(abs(total)), center), totalSign];
}

/** log Σ b exp(x) along the axes (all if absent), without overflow; NaN where the sum is negative. Ints become float32. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.logsumexp.html */
export function logsumexp(x: ArrayLike, options?: LogsumexpOptions): Array {
  const [result, totalSign] = logsumexpAndSign(x, options, false);
  return totalSign === undefined ? result : whereOf(less(totalSign, 0), constant(result, Number.NaN), result);
}
/** `[log |Σ b exp(x)|, sign]`: what `logsumexp` with `return_sign` is in JAX. @throws ShapeError */
export function signedLogsumexp(x: ArrayLike, options?: LogsumexpOptions): [Array, Array] {
  return logsumexpAndSign(x, options, true) as [Array, Array];
}

/** Options of `nn.standardize`. */
export interface StandardizeOptions {
  /** The last if absent. */
  readonly axis?: Axis;
  /** Added to the variance; 1e-5 if absent. */
  readonly epsilon?: ArrayLike;
  /** Boolean mask of the elements of the mean and variance; broadcasts with x. */
  readonly where?: ArrayLike;
}
const standardized = staticJit(
  "standardize",
  (axis: Axis, hasEpsilon: boolean, hasWhere: boolean) =>
    (x: Array, ...given: readonly Array[]) => {
      const epsilon = hasEpsilon ? given[0] : float(1e-5);
      const where = hasWhere ? given[hasEpsilon ? 1 : 0] : undefined;
      const average = mean(x, { axis, where, keepdims: true });
      const meanSquare = mean(square(x), { axis, where, keepdims: true });
      const variance = clip(subtract(meanSquare, square(average)), 0);
      return multiply(subtract(x, average), lax.rsqrt(add(variance, epsilon)));
    },
);
/** (x - mean) / √(variance + epsilon) along the axis. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.standardize.html */
export function standardize(x: ArrayLike, options?: StandardizeOptions): Array {
  const { axis, epsilon, where } = optionsOf("standardize", options, {
    axis: -1,
    epsilon: undefined,
    where: undefined,
  });
  const operands = [epsilon, where]
    .filter((value) => value !== undefined)
    .map((value) => asArray("standardize", value));
  return standardized(axis, epsilon !== undefined, where !== undefined)(asArray("standardize", x), ...operands);
}

/** Options of `nn.oneHot`. */
export interface OneHotOptions {
  /** float32 if absent. */
  readonly dtype?: DType;
  /** Position of the class axis in the result; the last if absent. */
  readonly axis?: number;
}
const oneHotRows = staticJit("_one_hot", (numClasses: number, dtype: DType, axis: number) => (x: Array) => {
  const labels = lax.expandDims(x, [axis]);
  const shape = labels.shape.map((_, i) => (i === axis ? numClasses : 1));
  return convertTo(lax.eq(labels, lax.broadcastedIota(x.dtype, shape, axis)), dtype, false);
});
/** For each label a row of `numClasses` elements, 1 at the label and 0 elsewhere; all 0 for a label out of range. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.one_hot.html */
export function oneHot(x: ArrayLike, numClasses: number, options?: OneHotOptions): Array {
  const { dtype, axis } = optionsOf("one_hot", options, { dtype: "float32", axis: -1 });
  const labels = asArray("one_hot", x);
  return oneHotRows(numClasses, dtype, canonicalAxis("one_hot", axis, labels.ndim + 1))(labels);
}
