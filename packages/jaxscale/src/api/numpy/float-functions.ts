/** Functions of floats that take several equations. */
import { isBool, isFloat, rangeOf } from "../../base/dtypes.ts";
import { DTypeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { optionsOf, wholeOf } from "../arguments.ts";
import { customJvp } from "../custom-derivatives.ts";
import { innerJit } from "../inner-jit.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { maximum, minimum } from "./elementwise.ts";
import { signbit, where } from "./logic.ts";
import { constant, constantAsWeak, promoteArgsInexact, promoteTypesInexact } from "./promotion.ts";
import { float } from "./scalars.ts";
import { staticJit } from "./static-jit.ts";

type Binary = (x: ArrayLike, y: ArrayLike) => Array;

/** The dtype's next value after x toward y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nextafter.html */
export const nextafter: Binary = (x, y) => {
  const [a, b] = promoteArgsInexact("nextafter", x, y);
  return lax.nextafter(a, b);
};

/** log of the sum of powers: max + scale · log1p(power(-|x - y|)), which no size of x or y overflows. */
const logSum = (name: string, power: (x: Array) => Array, scale: (x: Array) => Array): Binary => {
  const combine = (x: Array, y: Array): Array => {
    const larger = lax.max(x, y);
    const difference = lax.sub(x, y);
    const undefinedDifference = lax.ne(difference, difference);
    const sum = lax.add(x, y);
    const tail = scale(lax.log1p(power(lax.neg(lax.abs(difference)))));
    return lax.select(undefinedDifference, sum, lax.add(larger, tail));
  };
  const sumOf = customJvp(combine, { name });
  const rules = {
    [`_${name}_jvp`]: ([x, y]: Array[], [dx, dy]: Array[]): [Array, Array] => {
      const sum = sumOf(x, y);
      const share = (z: Array): Array => power(lax.sub(withoutInfinity(z), withoutInfinity(sum)));
      return [sum, lax.add(lax.mul(dx, share(x)), lax.mul(dy, share(y)))];
    },
  };
  sumOf.defJvp(rules[`_${name}_jvp`]);
  return (x, y) => {
    const [a, b] = promoteArgsInexact(name, x, y);
    return sumOf(a, b);
  };
};
const withoutInfinity = (x: Array): Array => lax.select(lax.eq(x, constant(x, Infinity)), lax.fullLike(x, 0), x);

/** log(exp(x) + exp(y)). @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logaddexp.html */
export const logaddexp = logSum("logaddexp", lax.exp, (x) => x);
/** log₂(2ˣ + 2ʸ). @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logaddexp2.html */
export const logaddexp2 = logSum("logaddexp2", lax.exp2, (x) => lax.mul(constant(x, Math.LOG2E), x));

const hypotenuse = innerJit("hypot", (x: Array, y: Array) => {
  const [a, b] = promoteArgsInexact("hypot", x, y).map(lax.abs);
  const infinite = lax.bitwiseOr(lax.eq(a, constant(a, Infinity)), lax.eq(b, constant(b, Infinity)));
  const [larger, smaller] = [lax.max(a, b), lax.min(a, b)];
  const vanishes = lax.eq(larger, constant(larger, 0));
  const divisor = where(lax.eq(larger, constant(larger, 0)), lax.fullLike(larger, 1), larger);
  const ratio = lax.square(lax.div(smaller, divisor));
  const length = lax.mul(larger, lax.sqrt(lax.add(constantAsWeak(ratio, 1), ratio)));
  return where(infinite, constant(larger, Infinity), where(vanishes, larger, length));
});
/** √(x² + y²) without overflow. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.hypot.html */
export const hypot: Binary = (x, y) => hypotenuse(asArray("hypot", x), asArray("hypot", y));

const withSignOf = innerJit("copysign", (x: Array, y: Array) => {
  const [a, b] = promoteArgsInexact("copysign", x, y);
  const negative = signbit(b);
  return where(negative, lax.neg(lax.abs(a)), lax.abs(a));
});
/** |x| with the sign of y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.copysign.html */
export const copysign: Binary = (x, y) => withSignOf(asArray("copysign", x), asArray("copysign", y));

const step = innerJit("heaviside", (x: Array, y: Array) => {
  const [a, b] = promoteTypesInexact("heaviside", x, y);
  const [below, above] = [lax.lt(a, constant(a, 0)), lax.gt(a, constant(a, 0))];
  const atZero = where(lax.ne(a, a), a, b);
  return where(below, constant(a, 0), where(above, constant(a, 1), atZero));
});
/** 0 below 0, y at 0, 1 above. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.heaviside.html */
export const heaviside: Binary = (x, y) => step(asArray("heaviside", x), asArray("heaviside", y));

// The first term of the series of sin(z) / z at 0; its derivatives come with differentiation.
/** At zero, the kth derivative of sin(x)/x, of which the next is the derivative. */
const sincAtZero = customJvp(
  (k: number, x: Array): Array => {
    const zero = lax.mul(x, constant(x, 0));
    return k % 2 === 1 ? zero : lax.add(zero, constant(x, (k % 4 === 0 ? 1 : -1) / (k + 1)));
  },
  { name: "_sinc_maclaurin", nondiffArgnums: [0] },
).defJvp(function _sinc_maclaurin_jvp(k: number, [x]: Array[], [dx]: Array[]): [Array, Array] {
  return [sincAtZero(k, x), lax.mul(sincAtZero(k + 1, x), dx)];
});
const cardinalSine = innerJit("sinc", (x: Array) => {
  const [operand] = promoteArgsInexact("sinc", x);
  const atZero = lax.eq(operand, constant(operand, 0));
  const angle = lax.mul(constant(operand, Math.PI), operand);
  const safe = where(atZero, constant(operand, 1), angle);
  return where(atZero, sincAtZero(0, angle), lax.div(lax.sin(safe), safe));
});
/** sin(πx) / (πx), 1 at 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sinc.html */
export const sinc = (x: ArrayLike): Array => cardinalSine(asArray("sinc", x));

/** Options of `nanToNum`: replacements of NaN and the infinities. */
export interface NanToNumOptions {
  /** 0 if absent. */
  readonly nan?: ArrayLike;
  /** The dtype's largest value if absent. */
  readonly posinf?: ArrayLike;
  /** The dtype's least value if absent. */
  readonly neginf?: ArrayLike;
}
type Replaced = keyof NanToNumOptions;
const replaced: readonly Replaced[] = ["nan", "neginf", "posinf"];
const replaceNonFinite = staticJit(
  "nan_to_num",
  (given: readonly Replaced[]) =>
    (x: Array, ...values: readonly Array[]) => {
      if (!isFloat(x.dtype)) return x;
      const { min, max } = rangeOf(x.dtype);
      const defaults = { nan: 0, neginf: min, posinf: max };
      const valueOf = (which: Replaced): Array =>
        convertTo(values[given.indexOf(which)] ?? float(defaults[which]), x.dtype, false);
      const numbers = where(lax.ne(x, x), valueOf("nan"), x);
      const bounded = where(lax.eq(numbers, constant(x, Infinity)), valueOf("posinf"), numbers);
      return where(lax.eq(bounded, constant(x, -Infinity)), valueOf("neginf"), bounded);
    },
);
/** NaN and infinities replaced; ints stay. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nan_to_num.html */
export function nanToNum(x: ArrayLike, options?: NanToNumOptions): Array {
  const others = optionsOf("nan_to_num", options, { nan: undefined, neginf: undefined, posinf: undefined });
  const given = replaced.filter((which) => others[which] !== undefined);
  const values = given.map((which) => asArray("nan_to_num", others[which] as ArrayLike));
  return replaceNonFinite(given)(asArray("nan_to_num", x), ...values);
}

// ---- bounds and digits -----------------------------------------------------------

const within = staticJit("clip", (hasMin: boolean, hasMax: boolean) => (x: Array, ...bounds: readonly Array[]) => {
  const raised = hasMin ? maximum(bounds[0], x) : x;
  return hasMax ? minimum(bounds[hasMin ? 1 : 0], raised) : raised;
});
/** x kept within [min, max], of the promoted dtype; max where min > max. A bound may be left out (undefined or null). @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.clip.html */
export function clip(x: ArrayLike, min?: ArrayLike | null, max?: ArrayLike | null): Array {
  const isGiven = (bound: ArrayLike | null | undefined): bound is ArrayLike => bound !== undefined && bound !== null;
  const bounds = [min, max].filter(isGiven).map((bound) => asArray("clip", bound));
  return within(isGiven(min), isGiven(max))(asArray("clip", x), ...bounds);
}

const toDecimals = staticJit("round", (decimals: number) => (x: Array) => {
  if (isBool(x.dtype)) throw new DTypeError(`round: dtype must be a number's; got ${formatAval(x.aval)}`);
  if (!isFloat(x.dtype)) {
    if (decimals < 0) throw new DTypeError(`round: integers have no decimals below 0; got ${decimals}`);
    return x;
  }
  if (decimals === 0) return lax.round(x, { roundingMethod: 1 });
  const factor = constant(x, 10 ** decimals);
  return lax.div(lax.round(lax.mul(x, factor), { roundingMethod: 1 }), factor);
});
/** To so many decimals, halves to even; ints stay. @throws DTypeError for bools, and for ints and negative decimals @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.round.html */
export const round = (x: ArrayLike, decimals = 0): Array =>
  toDecimals(wholeOf("round", "decimals", decimals))(asArray("round", x));
