/** Associative operations that reductions and prefix folds share: on host numbers and in kernels. */
import {
  computeType,
  type DType,
  formatOf,
  isBool,
  isFloat,
  isInteger,
  isNumber,
  kindOf,
  rangeOf,
} from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { constantsLike, maximum, minimum, propagateNan } from "../kernel/float.ts";
import type { Value } from "../kernel/ir.ts";
import { exp, log1p } from "../kernel/math.ts";
import type { Factor } from "./primitive.ts";

export interface Monoid {
  readonly accepts: (dtype: DType) => boolean;
  /** What `accepts` takes, for errors. */
  readonly acceptable: string;
  /** The neutral element. */
  readonly initial: (dtype: DType) => number;
  /** On numbers: floats in double precision, integers wrapping at 32 bits. */
  readonly combine: (dtype: DType) => (a: number, b: number) => number;
  /** In a kernel, on values of the dtype's compute type. */
  readonly kernel: (k: KernelBuilder, a: Value, b: Value, dtype: DType) => Value;
  /** Picks among its operands, so nothing is rounded. */
  readonly exact: boolean;
  /** How partial results of devices combine, where a collective exists for it. */
  readonly across?: Factor["combine"];
  readonly flops: number;
  readonly transcendentals: number;
}

const arithmetic = { accepts: isNumber, acceptable: "numbers", exact: false, flops: 1, transcendentals: 0 };
const extremum = { accepts: () => true, acceptable: "numbers or bools", exact: true, flops: 1, transcendentals: 0 };
const bitwise = {
  accepts: (dtype: DType) => isInteger(dtype) || isBool(dtype),
  acceptable: "integers or bools",
  exact: true,
  flops: 1,
  transcendentals: 0,
};

// A float without infinities has its largest finite value, as in JAX.
const hasInfinity = (dtype: DType): boolean => isFloat(dtype) && formatOf(dtype).infinity;
export const lowest = (dtype: DType): number => (hasInfinity(dtype) ? Number.NEGATIVE_INFINITY : rangeOf(dtype).min);
export const highest = (dtype: DType): number => (hasInfinity(dtype) ? Number.POSITIVE_INFINITY : rangeOf(dtype).max);

export const sum: Monoid = {
  ...arithmetic,
  initial: () => 0,
  combine: (dtype) => (isFloat(dtype) ? (a, b) => a + b : (a, b) => (a + b) | 0),
  kernel: (k, a, b) => k.add(a, b),
  across: "add",
};

export const product: Monoid = {
  ...arithmetic,
  initial: () => 1,
  combine: (dtype) => (isFloat(dtype) ? (a, b) => a * b : Math.imul),
  kernel: (k, a, b) => k.mul(a, b),
  across: "mul",
};

/** NaN, once in, stays. */
export const max: Monoid = {
  ...extremum,
  initial: lowest,
  combine: () => Math.max,
  kernel: (k, a, b, dtype) => (isFloat(dtype) ? maximum(k, a, b) : isBool(dtype) ? k.or(a, b) : k.max(a, b)),
  across: "max",
};

/** NaN, once in, stays. */
export const min: Monoid = {
  ...extremum,
  initial: highest,
  combine: () => Math.min,
  kernel: (k, a, b, dtype) => (isFloat(dtype) ? minimum(k, a, b) : isBool(dtype) ? k.and(a, b) : k.min(a, b)),
  across: "min",
};

/** Of bools, or of the bits of integers. */
export const and: Monoid = {
  ...bitwise,
  initial: (dtype) => (kindOf(dtype) === "signed" ? -1 : rangeOf(dtype).max),
  combine: () => (a, b) => a & b,
  kernel: (k, a, b) => k.and(a, b),
  across: "and",
};

export const or: Monoid = {
  ...bitwise,
  initial: () => 0,
  combine: () => (a, b) => a | b,
  kernel: (k, a, b) => k.or(a, b),
  across: "or",
};

export const xor: Monoid = {
  ...bitwise,
  initial: () => 0,
  combine: () => (a, b) => a ^ b,
  kernel: (k, a, b, dtype) => (isBool(dtype) ? k.ne(a, b) : k.xor(a, b)),
};

/** `log(exp a + exp b)`, without overflow. */
export const logAddExp: Monoid = {
  accepts: isFloat,
  acceptable: "floats",
  exact: false,
  flops: 4,
  transcendentals: 2,
  initial: () => Number.NEGATIVE_INFINITY,
  combine: () => (a, b) => {
    const high = Math.max(a, b);
    return Math.abs(high) === Number.POSITIVE_INFINITY ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high));
  },
  kernel: (k, a, b) => {
    const { f } = constantsLike(k, a);
    const high = maximum(k, a, b);
    // Equal infinities have no difference; equal numbers differ by 0.
    const gap = k.select(k.eq(a, b), f(0), k.sub(minimum(k, a, b), high));
    const sum = k.add(high, log1p(k, exp(k, gap)));
    return propagateNan(k, sum, high);
  },
};

/** @throws DTypeError */
export function checkAccepts(op: string, { accepts, acceptable }: Monoid, x: ShapedArray): void {
  if (!accepts(x.dtype)) throw new DTypeError(`${op}: the operand must hold ${acceptable}; got ${formatAval(x)}`);
}

export const initialValue = (k: KernelBuilder, monoid: Monoid, dtype: DType): Value =>
  k.constant(computeType(dtype), monoid.initial(dtype));
