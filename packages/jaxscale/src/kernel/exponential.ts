/**
 * Exponentials, logarithms, powers and roots in f32. Scalars or vectors; NaN in, NaN out unless said otherwise.
 * Polynomials are minimax fits made for these intervals. The built-in `log` is wrong by up to 1 % near 1, so it is not used;
 * `exp` and `exp2` are good to 4e-6 but lose NaN on SwiftShader.
 */
import type { KernelBuilder } from "./builder.ts";
import { constantsLike, isFinite, isNaN, propagateNan } from "./float.ts";
import type { Value } from "./ir.ts";
import { polynomial } from "./polynomial.ts";

const smallestNormalBits = 0x00800000;
const infinityBits = 0x7f800000;

const tinyBits = 0x33000000; // 2^-25

/** The built-in, but 1 + x where that is the value: of tiny x, for which it may be an ulp off, and of NaN. */
function exceptTinyAndNan(k: KernelBuilder, x: Value, builtIn: Value): Value {
  const { f, u } = constantsLike(k, x);
  const distance = k.sub(k.bitcast("u32", k.abs(x)), u(tinyBits));
  return k.select(k.le(distance, u(infinityBits - tinyBits)), builtIn, k.add(x, f(1)));
}

export const exp = (k: KernelBuilder, x: Value): Value => exceptTinyAndNan(k, x, k.exp(x));
export const exp2 = (k: KernelBuilder, x: Value): Value => exceptTinyAndNan(k, x, k.exp2(x));
export const sqrt = (k: KernelBuilder, x: Value): Value => k.sqrt(x);
export const rsqrt = (k: KernelBuilder, x: Value): Value => k.inverseSqrt(x);

/** exp(x) - 1 without cancellation. */
export function expm1(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const p = polynomial(k, x, [0.5, 0.166666672, 0.0416657925, 0.00833312795, 0.00139821961, 0.000199794988]);
  const near = k.mul(x, k.fma(x, p, f(1)));
  return k.select(k.lt(k.abs(x), f(0.5)), near, k.sub(exp(k, x), f(1)));
}

/** 1 / (1 + exp(-x)) */
export function logistic(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  return k.div(f(1), k.add(f(1), exp(k, k.neg(x))));
}

/** log(1 + f) for f in [√½ - 1, √2 - 1], to about an ulp also relative to f. */
function logNearOne(k: KernelBuilder, f: Value): Value {
  const one = constantsLike(k, f).f(1);
  const cubic = polynomial(
    k,
    f,
    [0.333333164, -0.250008106, 0.200022861, -0.166245535, 0.141811967, -0.131287679, 0.128816217, -0.0785954595],
  );
  return k.mul(f, k.fma(f, k.fma(f, cubic, constantsLike(k, f).f(-0.5)), one));
}

/** `x = 2^exponent · (1 + fraction)` with 1 + fraction in [√½, √2), of a positive normal x. */
function splitExponent(k: KernelBuilder, x: Value): { exponent: Value; fraction: Value } {
  const { f, i, u } = constantsLike(k, x);
  const bits = k.bitcast("i32", x);
  const exponent = k.shr(k.sub(bits, i(0x3f3504f3)), u(23));
  const mantissa = k.bitcast("f32", k.sub(bits, k.shl(exponent, u(23))));
  return { exponent: k.cast("f32", exponent), fraction: k.sub(mantissa, f(1)) };
}

/** `general`, or what any logarithm is at zeros (denormals count as such), infinity, negatives and NaN. */
function withLogEdges(k: KernelBuilder, x: Value, general: Value): Value {
  const { f, u } = constantsLike(k, x);
  const bits = k.bitcast("u32", x);
  const isZero = k.lt(k.bitcast("u32", k.abs(x)), u(smallestNormalBits));
  const edge = k.select(isZero, f(-Infinity), k.select(k.eq(bits, u(infinityBits)), f(Infinity), f(Number.NaN)));
  return k.select(isPositiveNormal(k, x), general, edge);
}

function isPositiveNormal(k: KernelBuilder, x: Value): Value {
  const { u } = constantsLike(k, x);
  return k.lt(k.sub(k.bitcast("u32", x), u(smallestNormalBits)), u(infinityBits - smallestNormalBits));
}

// ln 2 and log10 2 in two parts: an exponent times the first is exact.
const ln2 = { high: 0.693115234375, low: 3.19461849e-5 };
const log2Of10 = { high: 0.301025390625, low: 4.605038981195214e-6 };

const scaledLog =
  (perExponent: { high: number; low: number }, perLog: number) =>
  (k: KernelBuilder, x: Value): Value => {
    const { f } = constantsLike(k, x);
    const { exponent, fraction } = splitExponent(k, x);
    const scaled = perLog === 1 ? logNearOne(k, fraction) : k.mul(logNearOne(k, fraction), f(perLog));
    const low = perExponent.low === 0 ? scaled : k.fma(exponent, f(perExponent.low), scaled);
    return withLogEdges(k, x, k.fma(exponent, f(perExponent.high), low));
  };

/** Natural logarithm; -inf at zeros, NaN of negatives. */
export const log = scaledLog(ln2, 1);
export const log2 = scaledLog({ high: 1, low: 0 }, Math.LOG2E);
export const log10 = scaledLog(log2Of10, Math.LOG10E);

/** log(1 + x) without loss for small x. */
export function log1p(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  return log1pOf(k, x, k.add(f(1), x));
}

/** log(1 + x), where the caller knows `sum` = 1 + x better than rounding of x allows. */
export function log1pOf(k: KernelBuilder, x: Value, sum: Value): Value {
  const { f } = constantsLike(k, x);
  const isNear = k.and(k.gt(x, f(Math.SQRT1_2 - 1)), k.lt(x, f(Math.SQRT2 - 1)));
  const { exponent, fraction } = splitExponent(k, sum);
  const series = logNearOne(k, k.select(isNear, x, fraction));
  const far = k.fma(exponent, f(ln2.high), k.fma(exponent, f(ln2.low), series));
  return k.select(isNear, series, withLogEdges(k, sum, far));
}

/** |x| ** y where x is not ±1. The exponent's whole part is kept exact, so that large results lose nothing. */
function powOfMagnitude(k: KernelBuilder, base: Value, y: Value): Value {
  const { f, i, u } = constantsLike(k, base);
  const { exponent, fraction } = splitExponent(k, base);
  const logarithm = k.mul(logNearOne(k, fraction), f(Math.LOG2E));
  const total = k.mul(y, k.add(exponent, logarithm));
  const whole = k.roundEven(k.clamp(total, f(-200), f(200)));
  // Half of y's bits times an exponent is exact.
  const high = k.bitcast("f32", k.and(k.bitcast("u32", y), u(0xfffff000)));
  const lowPart = k.mul(k.sub(y, high), exponent);
  const rest = k.add(k.add(k.sub(k.mul(high, exponent), whole), lowPart), k.mul(y, logarithm));
  const half = k.shr(k.cast("i32", whole), u(1));
  const scale = (n: Value): Value => k.bitcast("f32", k.shl(k.add(n, i(127)), u(23)));
  const finite = k.mul(k.mul(k.exp2(rest), scale(half)), scale(k.sub(k.cast("i32", whole), half)));
  const grows = k.ne(k.gt(base, f(1)), k.lt(y, f(0)));
  const isOrdinary = k.and(isPositiveNormal(k, base), k.le(k.abs(total), f(200)));
  return k.select(isOrdinary, finite, k.select(grows, f(Infinity), f(0)));
}

/** `x ** y`, IEEE 754's: `x ** 0` and `1 ** y` are 1 also for NaN; a negative base takes integer exponents only. */
export function pow(k: KernelBuilder, x: Value, y: Value): Value {
  const { f, i, u } = constantsLike(k, x);
  const base = k.abs(x);
  const magnitude = powOfMagnitude(k, base, y);
  const size = k.abs(y);
  const isInteger = k.eq(k.trunc(y), y);
  const lastBit = k.and(k.cast("i32", k.min(size, f(2 ** 24))), i(1));
  const isOdd = k.and(isInteger, k.and(k.lt(size, f(2 ** 24)), k.eq(lastBit, i(1))));
  const isNegative = k.ge(k.bitcast("u32", x), u(0x80000000));
  const signed = k.select(k.and(isNegative, isOdd), k.neg(magnitude), magnitude);
  const hasNoPower = k.and(k.lt(x, f(0)), k.and(k.not(isInteger), k.lt(base, f(Infinity))));
  const general = propagateNan(k, k.select(hasNoPower, f(Number.NaN), signed), x, y);
  const isUnit = k.or(k.eq(x, f(1)), k.and(k.eq(x, f(-1)), k.and(isInteger, k.not(isNaN(k, y)))));
  const unit = k.select(isOdd, x, f(1));
  return k.select(k.eq(y, f(0)), f(1), k.select(isUnit, unit, general));
}

/** Real cube root, of negatives too. */
export function cbrt(k: KernelBuilder, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const a = k.abs(x);
  // A third of the exponent is within 6 %; each of Halley's steps cubes the error.
  let y = k.bitcast("f32", k.add(k.div(k.bitcast("u32", a), u(3)), u(0x2a5137a0)));
  for (let step = 0; step < 2; step++) {
    const r = k.div(a, k.mul(y, y));
    y = k.mul(y, k.div(k.fma(f(2), r, y), k.fma(f(2), y, r)));
  }
  const signed = k.bitcast("f32", k.or(k.bitcast("u32", y), k.and(k.bitcast("u32", x), u(0x80000000))));
  return k.select(k.and(isFinite(k, x), k.ge(a, f(2 ** -126))), signed, x);
}
