/** Where extremes are, spans, counts, running folds. */
import { type DType, isBool } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxis, sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike, NumberArray } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import type { Axis } from "./axes.ts";
import { constant } from "./promotion.ts";
import { max, min, sum } from "./reductions.ts";
import { staticJit } from "./static-jit.ts";

/** Options of `argmax` and `argmin`. */
export interface ArgOptions {
  /** null or absent: of the flattened array. */
  readonly axis?: number | null;
  readonly keepdims?: boolean;
}
type Locate = (x: ArrayLike, options: lax.ArgReductionOptions) => Array;
const locating =
  (op: string, locate: Locate) =>
  (x: ArrayLike, options?: ArgOptions): NumberArray => {
    const { axis, keepdims } = optionsOf(op, options, { axis: null, keepdims: false });
    const given = asArray(op, x);
    const flat = axis === null;
    const operand = flat ? lax.reshape(given, [given.size]) : given;
    const along = flat ? 0 : canonicalAxis(op, axis, given.ndim);
    if (operand.shape[along] === 0)
      throw new ShapeError(`${op}: the axis must not be empty; got ${formatAval(given.aval)} and axis ${axis}`);
    const result = locate(operand, { axis: along });
    return keepdims ? lax.expandDims(result, flat ? given.shape.map((_, i) => i) : [along]) : result;
  };
/** int32 place of the first NaN, else of the first of the largest. @throws ShapeError over nothing @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.argmax.html */
export const argmax = locating("argmax", lax.argmax);
/** int32 place of the first NaN, else of the first of the smallest. @throws ShapeError over nothing @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.argmin.html */
export const argmin = locating("argmin", lax.argmin);

/** Options of `countNonzero`: over which axes. */
export interface AxesOptions {
  readonly axis?: Axis;
  readonly keepdims?: boolean;
}
const span = staticJit("_ptp", (axis: Axis, keepdims: boolean) => (x: Array) => {
  const largest = max(x, { axis, keepdims });
  return lax.sub(largest, min(x, { axis, keepdims }));
});
/** Largest minus smallest. @throws ShapeError over nothing; DTypeError for bools @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ptp.html */
export const ptp = (x: ArrayLike, options?: AxesOptions): Array => {
  const { axis, keepdims } = optionsOf("ptp", options, { axis: null, keepdims: false });
  return span(axis, keepdims)(asArray("ptp", x));
};

const counted = staticJit(
  "count_nonzero",
  (axis: Axis, keepdims: boolean) => (x: Array) => sum(lax.ne(x, constant(x, 0)), { axis, keepdims, dtype: "int32" }),
);
/** int32 number of elements that are not 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.count_nonzero.html */
export const countNonzero = (x: ArrayLike, options?: AxesOptions): NumberArray => {
  const { axis, keepdims } = optionsOf("count_nonzero", options, { axis: null, keepdims: false });
  return counted(axis, keepdims)(asArray("count_nonzero", x));
};

/** Options of `cumsum`, `cumprod` and related functions. */
export interface CumulativeOptions {
  /** null or absent: of the flattened array. */
  readonly axis?: number | null;
  readonly dtype?: DType;
}
const accumulating = (op: string, accumulate: (x: ArrayLike, options: lax.CumulativeOptions) => Array) => {
  const running = staticJit(op, (axis: number | null, dtype: DType | null) => (x: Array) => {
    const operand = axis === null ? lax.reshape(x, [sizeOf(x.shape)]) : x;
    const result = dtype ?? (isBool(x.dtype) ? "int32" : x.dtype);
    const along = axis === null ? 0 : canonicalAxis(op, axis, x.ndim);
    return accumulate(convertTo(operand, result, false), { axis: along });
  });
  return (x: ArrayLike, options?: CumulativeOptions): NumberArray => {
    const { axis, dtype } = optionsOf(op, options, { axis: null, dtype: undefined });
    return running(axis, dtype ?? null)(asArray(op, x));
  };
};
/** Running sums, in x's dtype (bools: int32). @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.cumsum.html */
export const cumsum = accumulating("cumsum", lax.cumsum);
/** Running products, in x's dtype (bools: int32). @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.cumprod.html */
export const cumprod = accumulating("cumprod", lax.cumprod);
