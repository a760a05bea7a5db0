/** Medians, quantiles, percentiles. */

import { isFloat } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { oneOf, optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { type Axis, axesOf } from "./axes.ts";
import { divide } from "./elementwise.ts";
import { stack } from "./join.ts";
import { where } from "./logic.ts";
import { constant, promoteArgsInexact } from "./promotion.ts";
import { any, sum } from "./reductions.ts";
import { float } from "./scalars.ts";
import { staticJit } from "./static-jit.ts";
import { takeAlongAxis } from "./take.ts";

/** Interpolation of a quantile between two elements. */
export type QuantileMethod = "linear" | "lower" | "higher" | "midpoint" | "nearest";
const methods: readonly QuantileMethod[] = ["linear", "lower", "higher", "midpoint", "nearest"];

/** Options of `median`. */
export interface MedianOptions {
  /** One axis, several, or (null or absent) all. */
  readonly axis?: Axis;
  readonly keepdims?: boolean;
}
/** Options of `quantile` and `percentile`. */
export interface QuantileOptions extends MedianOptions {
  /** Interpolation between two elements; "linear" if absent. */
  readonly method?: QuantileMethod;
}

/** The reduced axes made one, at the end. */
function rowsOf(x: Array, axes: readonly number[]): Array {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const moved = lax.transpose(x, [...kept, ...axes]);
  const shape = kept.map((axis) => x.shape[axis]);
  return lax.reshape(moved, [...shape, sizeOf(axes.map((axis) => x.shape[axis]))]);
}

/** @param q a scalar @param rows `[…, n]`, sorted @param counts elements of each row that count, a scalar or `[…, 1]`, of q's dtype */
function between(rows: Array, q: Array, counts: Array, method: QuantileMethod): Array {
  const last = lax.sub(counts, constant(counts, 1));
  const place = lax.mul(q, last);
  const [low, high] = [lax.floor(place), lax.ceil(place)];
  const highWeight = lax.sub(place, low);
  const lowWeight = lax.sub(constant(highWeight, 1), highWeight);
  const zero = constant(last, 0);
  const elements = (position: Array): Array => {
    const inside = convertTo(lax.max(zero, lax.min(position, last)), "int32", false);
    const shape = [...rows.shape.slice(0, -1), 1];
    const spread = lax.broadcastInDim(inside, { shape, broadcastDimensions: inside.shape.map((_, axis) => axis) });
    return takeAlongAxis(rows, spread, { axis: -1, mode: "clip" });
  };
  const [below, above] = [elements(low), elements(high)];
  switch (method) {
    case "lower":
      return below;
    case "higher":
      return above;
    case "midpoint":
      return lax.mul(lax.add(below, above), constant(below, 0.5));
    case "nearest":
      return where(lax.le(highWeight, constant(highWeight, 0.5)), below, above);
    case "linear":
      return lax.add(
        lax.mul(convertTo(below, q.dtype, false), lowWeight),
        lax.mul(convertTo(above, q.dtype, false), highWeight),
      );
  }
}

const nan = (like: Array): Array => constant(like, Number.NaN);

const quantilesOf = (name: string, skipsNaN: boolean) =>
  staticJit(name, (axis: Axis, method: QuantileMethod, keepdims: boolean) => (given: Array, q: Array) => {
    const [x] = promoteArgsInexact(name, given);
    const axes = axesOf(name, axis, x.ndim);
    const rows = rowsOf(x, axes);
    const isNaN = lax.ne(rows, rows);
    // One NaN makes the whole row NaN, unless they are skipped; sorting puts them last.
    const spoilt = skipsNaN ? isNaN : any(isNaN, { axis: -1, keepdims: true });
    const sorted = lax.sort(where(spoilt, nan(rows), rows));
    const counts = skipsNaN
      ? sum(lax.eq(rows, rows), { axis: -1, keepdims: true, dtype: q.dtype })
      : lax.full([], rows.shape[rows.ndim - 1], q.dtype);
    const shape = x.shape.flatMap((size, i) => (axes.includes(i) ? (keepdims ? [1] : []) : [size]));
    const one = (scalar: Array): Array => lax.reshape(between(sorted, scalar, counts, method), shape);
    const result =
      q.ndim === 0
        ? one(q)
        : stack(
            globalThis.Array.from({ length: q.shape[0] }, (_, i) => one(lax.indexInDim(q, i, { keepdims: false }))),
          );
    return convertTo(result, x.dtype, false);
  });

const taking = (name: string, skipsNaN: boolean, hundredths: boolean) => {
  const quantiles = quantilesOf(name, skipsNaN);
  return (x: ArrayLike, q: ArrayLike, options?: QuantileOptions): Array => {
    const { axis, method, keepdims } = optionsOf(name, options, { axis: null, method: "linear", keepdims: false });
    const operand = asArray(name, x);
    // A number stands for a fraction, also if it is whole.
    const given = typeof q === "number" ? float(q) : asArray(name, q);
    const fraction = hundredths ? divide(given, 100) : given;
    oneOf(name, "method", method, methods);
    if (!isFloat(fraction.dtype)) throw new DTypeError(`${name}: q must be floats; got ${formatAval(given.aval)}`);
    if (fraction.ndim > 1)
      throw new ShapeError(`${name}: q must be a scalar or a vector; got ${formatAval(given.aval)}`);
    if (axesOf(name, axis, operand.ndim).some((a) => operand.shape[a] === 0))
      throw new ShapeError(`${name}: the axes must not be empty; got ${formatAval(operand.aval)}`);
    return quantiles(axis, method, keepdims)(operand, convertTo(fraction, fraction.dtype, false));
  };
};

/**
 * Quantiles along axes: the values below which a fraction q of the elements are; ints become float32. A vector of q adds a leading axis. NaN propagates.
 * @throws ShapeError over nothing, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.quantile.html
 */
export const quantile = taking("quantile", false, false);
/** As `quantile`, without NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nanquantile.html */
export const nanquantile = taking("nanquantile", true, false);
/** As `quantile`, with q in hundredths. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.percentile.html */
export const percentile = taking("percentile", false, true);
/** As `percentile`, without NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nanpercentile.html */
export const nanpercentile = taking("nanpercentile", true, true);

const medianDefaults = { axis: null, keepdims: false };
/** The middle element along axes, or the mean of the two. @throws ShapeError over nothing @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.median.html */
export const median = (x: ArrayLike, options?: MedianOptions): Array =>
  quantile(x, 0.5, { ...optionsOf("median", options, medianDefaults), method: "midpoint" });
/** As `median`, without NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nanmedian.html */
export const nanmedian = (x: ArrayLike, options?: MedianOptions): Array =>
  nanquantile(x, 0.5, { ...optionsOf("nanmedian", options, medianDefaults), method: "midpoint" });
