/** What arrays can do themselves: methods in place of operators, and those that a jax.Array has. */
import type { DType } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import { Array, type ArrayLike, type ArrayOf, type BoolArray, type NumberArray } from "../trace/array.ts";
import { convertElementType } from "./lax/convert.ts";
import { at, type IndexedPart } from "./numpy/at.ts";
import { type ContractionOptions, dot, matmul } from "./numpy/contraction.ts";
import { type DiagonalOptions, diagonal, trace } from "./numpy/diagonals.ts";
import { divmod, floorDivide, remainder } from "./numpy/division.ts";
import * as elementwise from "./numpy/elementwise.ts";
import { clip, round } from "./numpy/float-functions.ts";
import type { IndexEntry } from "./numpy/index-spec.ts";
import * as logic from "./numpy/logic.ts";
import * as positions from "./numpy/positions.ts";
import { power } from "./numpy/power.ts";
import { type RepeatOptions, repeat } from "./numpy/rearrange.ts";
import * as reductions from "./numpy/reductions.ts";
import { matrixTranspose, ravel, reshape, squeeze, swapaxes, transpose } from "./numpy/shape.ts";
import * as statistics from "./numpy/statistics.ts";
import { type TakeOptions, take } from "./numpy/take.ts";

/**
 * Each is the function of `jnp` with the array as its first operand; see there for dtypes and errors. Numbers and booleans
 * may stand for arrays; a whole number counts as a Python int.
 */
export interface ArrayMethods {
  /** x + y */
  add(y: ArrayLike): Array;
  /** x - y */
  sub(y: ArrayLike): Array;
  /** x · y */
  mul(y: ArrayLike): Array;
  /** x / y as floats */
  div(y: ArrayLike): NumberArray;
  /** x / y rounded toward -∞ */
  floorDivide(y: ArrayLike): Array;
  /** Remainder with y's sign */
  mod(y: ArrayLike): Array;
  /** `[x // y, x % y]` */
  divmod(y: ArrayLike): [Array, Array];
  /** xʸ; by repeated multiplication for a JavaScript integer y */
  pow(y: ArrayLike): Array;
  /** -x */
  neg(): NumberArray;
  /** |x| */
  abs(): Array;

  /** x = y */
  equal(y: ArrayLike): BoolArray;
  /** x ≠ y */
  notEqual(y: ArrayLike): BoolArray;
  /** x < y */
  less(y: ArrayLike): BoolArray;
  /** x ≤ y */
  lessEqual(y: ArrayLike): BoolArray;
  /** x > y */
  greater(y: ArrayLike): BoolArray;
  /** x ≥ y */
  greaterEqual(y: ArrayLike): BoolArray;

  /** Of integers' bits, or of bools */
  and(y: ArrayLike): Array;
  /** Of integers' bits, or of bools */
  or(y: ArrayLike): Array;
  /** Of integers' bits, or of bools */
  xor(y: ArrayLike): Array;
  /** Of integers' bits, or of bools */
  not(): Array;
  /** The bits moved up; zeros come in */
  leftShift(y: ArrayLike): Array;
  /** The sign comes into signed integers */
  rightShift(y: ArrayLike): Array;

  /** Matrix product, or sum of products */
  dot(y: ArrayLike, options?: ContractionOptions): Array;
  /** Matrix product, over leading batch axes */
  matmul(y: ArrayLike, options?: ContractionOptions): Array;

  /** In another dtype: floats truncate to ints and saturate, ints wrap. */
  astype<D extends DType>(dtype: D): ArrayOf<D>;
  /** Within bounds; null or absent: none */
  clip(min?: ArrayLike | null, max?: ArrayLike | null): Array;
  /** To so many decimals, halves to even */
  round(decimals?: number): Array;

  /** Sizes as a list or as arguments; one may be -1. */
  reshape(...shape: (number | Shape)[]): Array;
  /** Axes in another order, as a list or as arguments; reversed if absent. */
  transpose(...axes: (number | readonly number[])[]): Array;
  /** Two axes exchanged */
  swapaxes(axis1: number, axis2: number): Array;
  /** Without axes of size 1: those named, or all */
  squeeze(axis?: number | readonly number[] | null): Array;
  /** One axis */
  ravel(): Array;
  /** One axis, as `ravel` */
  flatten(): Array;
  /** Each element so many times */
  repeat(repeats: number | readonly number[] | Array, options?: RepeatOptions): Array;
  /** Elements with equal places along two axes */
  diagonal(options?: DiagonalOptions): Array;
  /** Sum of a diagonal */
  trace(options?: DiagonalOptions & { readonly dtype?: DType }): Array;
  /** Slices along an axis at places given by an array */
  take(indices: ArrayLike, options?: TakeOptions): Array;
  /** A part to read or update: `x.at(0, ":").get()`, `x.at(i).set(y)`, `x.at(i).add(y)`. */
  at(...index: IndexEntry[]): IndexedPart;
  /** `x.at(...index).get()` */
  slice(...index: IndexEntry[]): Array;

  /** Sum over axes; over all if none is named */
  sum(options?: reductions.SumOptions): NumberArray;
  /** Product over axes */
  prod(options?: reductions.SumOptions): NumberArray;
  /** Largest over axes; NaN if there is one */
  max(options?: reductions.ExtremeOptions): Array;
  /** Smallest over axes; NaN if there is one */
  min(options?: reductions.ExtremeOptions): Array;
  /** Whether all are true */
  all(options?: reductions.ReductionOptions): BoolArray;
  /** Whether any is true */
  any(options?: reductions.ReductionOptions): BoolArray;
  /** Mean over axes, as a float */
  mean(options?: statistics.MeanOptions): NumberArray;
  /** Mean of squared distances from the mean */
  var(options?: statistics.VarianceOptions): NumberArray;
  /** Square root of the variance */
  std(options?: statistics.VarianceOptions): NumberArray;
  /** int32 place of the first of the largest */
  argmax(options?: positions.ArgOptions): NumberArray;
  /** int32 place of the first of the smallest */
  argmin(options?: positions.ArgOptions): NumberArray;
  /** Largest less smallest */
  ptp(options?: positions.AxesOptions): Array;
  /** Sums of the elements so far */
  cumsum(options?: positions.CumulativeOptions): NumberArray;
  /** Products of the elements so far */
  cumprod(options?: positions.CumulativeOptions): NumberArray;

  /** Axes reversed */
  readonly T: Array;
  /** The last two axes swapped */
  readonly mT: Array;
}

declare module "../trace/array.ts" {
  interface Array extends ArrayMethods {}
}

type AnyFunction = (...args: never[]) => unknown;
type MethodName = { [K in keyof ArrayMethods]: ArrayMethods[K] extends AnyFunction ? K : never }[keyof ArrayMethods];
/** The same with the array as the first parameter. */
type Functions = {
  readonly [K in MethodName]: ArrayMethods[K] extends (...rest: infer Rest) => infer Result
    ? (x: Array, ...rest: Rest) => Result
    : never;
};

const functions: Functions = {
  add: elementwise.add,
  sub: elementwise.subtract,
  mul: elementwise.multiply,
  div: elementwise.trueDivide,
  floorDivide,
  mod: remainder,
  divmod,
  pow: power,
  neg: elementwise.negative,
  abs: elementwise.abs,
  equal: logic.equal,
  notEqual: logic.notEqual,
  less: logic.less,
  lessEqual: logic.lessEqual,
  greater: logic.greater,
  greaterEqual: logic.greaterEqual,
  and: elementwise.bitwiseAnd,
  or: elementwise.bitwiseOr,
  xor: elementwise.bitwiseXor,
  not: elementwise.bitwiseNot,
  leftShift: elementwise.leftShift,
  rightShift: elementwise.rightShift,
  dot,
  matmul,
  astype: convertElementType,
  clip,
  round,
  reshape: (x, ...shape) => reshape(x, shape.flat()),
  transpose: (x, ...axes) => transpose(x, axes.length === 0 ? null : axes.flat()),
  swapaxes,
  squeeze,
  ravel,
  flatten: ravel,
  repeat,
  diagonal,
  trace,
  take,
  at,
  slice: (x, ...index) => at(x, ...index).get(),
  sum: reductions.sum,
  prod: reductions.prod,
  max: reductions.max,
  min: reductions.min,
  all: reductions.all,
  any: reductions.any,
  mean: statistics.mean,
  var: statistics.var,
  std: statistics.std,
  argmax: positions.argmax,
  argmin: positions.argmin,
  ptp: positions.ptp,
  cumsum: positions.cumsum,
  cumprod: positions.cumprod,
};

const asMethod = (f: (x: Array, ...rest: never[]) => unknown) =>
  function (this: Array, ...rest: never[]): unknown {
    return f(this, ...rest);
  };
const getter = (f: (x: Array) => Array): PropertyDescriptor => ({
  configurable: true,
  get(this: Array) {
    return f(this);
  },
});

for (const [name, f] of Object.entries(functions))
  Object.defineProperty(Array.prototype, name, {
    value: asMethod(f as (x: Array, ...rest: never[]) => unknown),
    writable: true,
    configurable: true,
  });
Object.defineProperties(Array.prototype, { T: getter((x) => transpose(x)), mT: getter(matrixTranspose) });
