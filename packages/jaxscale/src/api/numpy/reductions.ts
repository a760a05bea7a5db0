/** Sums, products, extremes and tests along axes, with NumPy's dtypes. `axis`: one, several, or all (null, undefined); negative ones count from the end. */
import { type DType, isFloat, kindOf } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { highest, lowest } from "../../primitives/monoids.ts";
import type { Array, ArrayLike, BoolArray, NumberArray } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { type Axis, accumulationDType, axesOf } from "./axes.ts";
import { where as whereOf } from "./logic.ts";
import { numericDType } from "./promotion.ts";

export type { Axis } from "./axes.ts";

/** Options of all reductions. */
export interface ReductionOptions {
  readonly axis?: Axis;
  /** Reduced axes stay, with size 1. */
  readonly keepdims?: boolean;
  /** Boolean mask of the elements to include; broadcasts with x. */
  readonly where?: ArrayLike;
}
/** Options of `max` and `min`. */
export interface ExtremeOptions extends ReductionOptions {
  /** Takes part as one more element. */
  readonly initial?: ArrayLike;
}
/** Options of `sum` and `prod`. */
export interface SumOptions extends ExtremeOptions {
  /** Type to compute in and of the result. */
  readonly dtype?: DType;
}

/** Small integers are summed in 32 bits. */
function sumDType(dtype: DType): DType {
  if (isFloat(dtype)) return dtype;
  return kindOf(dtype) === "unsigned" ? "uint32" : "int32";
}

interface Fold {
  readonly reduce: (x: Array, axes: readonly number[]) => Array;
  readonly combine: (initial: Array, result: Array) => Array;
  /** Value that replaces an excluded element. */
  readonly neutral: (dtype: DType) => number;
}
const sums: Fold = { reduce: lax.reduceSum, combine: lax.add, neutral: () => 0 };
const products: Fold = { reduce: lax.reduceProd, combine: lax.mul, neutral: () => 1 };
const maxima: Fold = { reduce: lax.reduceMax, combine: lax.max, neutral: lowest };
const minima: Fold = { reduce: lax.reduceMin, combine: lax.min, neutral: highest };

/** @param computed type to fold in  @param result type to return */
function fold(
  op: string,
  x: Array,
  { reduce, combine, neutral }: Fold,
  computed: DType,
  result: DType,
  { axis, keepdims, where, initial }: ExtremeOptions,
): Array {
  const axes = axesOf(op, axis, x.ndim);
  let operand = convertTo(x, computed, false);
  if (where !== undefined)
    operand = whereOf(where, operand, convertTo(scalarOf(neutral(computed), "float32"), computed, false));
  let folded = reduce(operand, axes);
  if (initial !== undefined) folded = combine(convertTo(asArray(op, initial), computed, false), folded);
  return convertTo(keepdims ? lax.expandDims(folded, axes) : folded, result, false);
}

const defaults = { axis: null, keepdims: false, where: undefined } as const;

const summing =
  (op: string, kind: Fold) =>
  (x: ArrayLike, given?: SumOptions): NumberArray => {
    const options = optionsOf(op, given, { ...defaults, initial: undefined, dtype: undefined });
    const array = asArray(op, x);
    const operand = convertTo(array, numericDType(array.dtype), false);
    const result = options.dtype ?? sumDType(operand.dtype);
    return fold(op, operand, kind, options.dtype ?? accumulationDType(result), result, options);
  };
/** Sum; small ints and bools give 32-bit integers, 16-bit floats accumulate in float32. Over nothing 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sum.html */
export const sum = summing("sum", sums);
/** Product; dtypes as of `sum`. Over nothing 1. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.prod.html */
export const prod = summing("prod", products);

const extreme =
  (op: string, kind: Fold) =>
  (x: ArrayLike, given?: ExtremeOptions): Array => {
    const options = optionsOf(op, given, { ...defaults, initial: undefined });
    const operand = asArray(op, x);
    if (options.initial === undefined) {
      if (options.where !== undefined)
        throw new ShapeError(`${op}: with where there must be an initial value, for it may select nothing; got none`);
      const empty = axesOf(op, options.axis, operand.ndim).find((axis) => operand.shape[axis] === 0);
      if (empty !== undefined)
        throw new ShapeError(`${op}: reduced axes must not be empty; got ${formatAval(operand.aval)} axis ${empty}`);
    }
    return fold(op, operand, kind, operand.dtype, operand.dtype, options);
  };
/** Largest; NaN if there is one. @throws ShapeError over nothing @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.max.html */
export const max = extreme("max", maxima);
/** Smallest; NaN if there is one. @throws ShapeError over nothing @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.min.html */
export const min = extreme("min", minima);
/** Another name of `max`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.amax.html */
export const amax = max;
/** Another name of `min`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.amin.html */
export const amin = min;

const testing =
  (op: string, kind: Fold) =>
  (x: ArrayLike, options?: ReductionOptions): BoolArray =>
    fold(op, asArray(op, x), kind, "bool", "bool", optionsOf(op, options, defaults));
/** Whether all are true (not 0); over nothing true. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.all.html */
export const all = testing("all", { reduce: lax.reduceAnd, combine: lax.bitwiseAnd, neutral: () => 1 });
/** Whether any is true (not 0); over nothing false. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.any.html */
export const any = testing("any", { reduce: lax.reduceOr, combine: lax.bitwiseOr, neutral: () => 0 });
