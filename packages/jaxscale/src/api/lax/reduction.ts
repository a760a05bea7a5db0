/** Folds along axes, without promotion: the result has the operand's dtype. Axes count from 0. */
import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import * as args from "../../primitives/arg-reduction.ts";
import * as cumulative from "../../primitives/cumulative.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import * as reductions from "../../primitives/reduction.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf, optionsOf, required, wholeOf } from "../arguments.ts";

const reducing =
  (primitive: PrimitiveRules<reductions.ReductionParams>) =>
  (x: ArrayLike, axes: readonly number[]): Array =>
    bind1(primitive, [asArray(primitive.name, x)], { axes: [...listOf(primitive.name, "axes", axes)] });

/** Sums of numbers; over nothing 0. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_sum.html */
export const reduceSum = reducing(reductions.reduceSum);
/** Products of numbers; over nothing 1. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_prod.html */
export const reduceProd = reducing(reductions.reduceProd);
/** Largest elements; NaN if there is one. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_max.html */
export const reduceMax = reducing(reductions.reduceMax);
/** Smallest elements; NaN if there is one. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_min.html */
export const reduceMin = reducing(reductions.reduceMin);
/** Whether all, or the bits common to all. @throws ShapeError, DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_and.html */
export const reduceAnd = reducing(reductions.reduceAnd);
/** Whether any, or the bits of any. @throws ShapeError, DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_or.html */
export const reduceOr = reducing(reductions.reduceOr);
/** Whether an odd number, or such bits. @throws ShapeError, DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_xor.html */
export const reduceXor = reducing(reductions.reduceXor);

/** Options of `lax.argmax` and `lax.argmin`. */
export interface ArgReductionOptions {
  readonly axis: number;
  readonly indexDtype?: DType;
}
const locating =
  (primitive: PrimitiveRules<args.ArgReductionParams>) =>
  (x: ArrayLike, options: ArgReductionOptions): Array => {
    const { axis, indexDtype } = optionsOf(primitive.name, options, { axis: required, indexDtype: "int32" });
    const operand = asArray(primitive.name, x);
    if (operand.shape[wholeOf(primitive.name, "axis", axis)] === 0)
      throw new ShapeError(
        `${primitive.name}: the axis must not be empty; got ${formatAval(operand.aval)} axis ${axis}`,
      );
    return bind1(primitive, [operand], { axes: [axis], indexDtype });
  };
/** Index of the first NaN along the axis, else of the first maximum. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.argmax.html */
export const argmax = locating(args.argmax);
/** Index of the first NaN along the axis, else of the first minimum. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.argmin.html */
export const argmin = locating(args.argmin);

/** Options of `lax.cumsum` and related functions. */
export interface CumulativeOptions {
  readonly axis?: number;
  /** Whether to accumulate from the end of the axis. */
  readonly reverse?: boolean;
}
const accumulating =
  (primitive: PrimitiveRules<cumulative.CumulativeParams>) =>
  (x: ArrayLike, options?: CumulativeOptions): Array => {
    const { axis, reverse } = optionsOf(primitive.name, options, { axis: 0, reverse: false });
    return bind1(primitive, [asArray(primitive.name, x)], { axis, reverse });
  };
/** Running sums. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cumsum.html */
export const cumsum = accumulating(cumulative.cumsum);
/** Running products. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cumprod.html */
export const cumprod = accumulating(cumulative.cumprod);
/** Running maxima. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cummax.html */
export const cummax = accumulating(cumulative.cummax);
/** Running minima. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cummin.html */
export const cummin = accumulating(cumulative.cummin);
/** Running log Σ exp x of floats. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cumlogsumexp.html */
export const cumlogsumexp = accumulating(cumulative.cumlogsumexp);
