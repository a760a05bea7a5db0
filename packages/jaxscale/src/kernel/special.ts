/** The error function and its kin, and the gamma function's logarithm and its derivative, in f32. Scalars or vectors. */
import type { KernelBuilder } from "./builder.ts";
import { exp, log, log1pOf } from "./exponential.ts";
import { constantsLike, copySign, isInf } from "./float.ts";
import type { Value } from "./ir.ts";
import { polynomial } from "./polynomial.ts";
import { sinCosPi } from "./trigonometry.ts";

/** erf for |x| up to 1. */
const erfNearZero = (k: KernelBuilder, x: Value): Value =>
  k.mul(
    x,
    polynomial(
      k,
      k.mul(x, x),
      [1.12837911, -0.37612626, 0.112836003, -0.0268544443, 0.00518953521, -0.000802084105, 7.8891193e-5],
    ),
  );

/** erfc for |x| from ½: exp(-x²) times a function of 1 / (1 + |x| / 2) that hardly varies. */
function erfcOfMagnitude(k: KernelBuilder, a: Value): Value {
  const { f } = constantsLike(k, a);
  const t = k.div(f(1), k.fma(a, f(0.5), f(1)));
  const p = polynomial(
    k,
    t,
    [
      0.282076597, 0.282571912, 0.241491362, 0.209766164, -0.0448120274, 0.306013495, -0.512176752, 0.296325266,
      -0.0612453818,
    ],
  );
  return k.mul(exp(k, k.neg(k.mul(a, a))), k.mul(t, p));
}

export function erf(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const a = k.abs(x);
  const far = copySign(k, k.sub(f(1), erfcOfMagnitude(k, a)), x);
  return k.select(k.lt(a, f(1)), erfNearZero(k, x), far);
}

/** 1 - erf(x), without cancellation where it is small. */
export function erfc(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const a = k.abs(x);
  const tail = erfcOfMagnitude(k, a);
  const far = k.select(k.lt(x, f(0)), k.sub(f(2), tail), tail);
  return k.select(k.lt(a, f(0.5)), k.sub(f(1), erfNearZero(k, x)), far);
}

/** Inverse of erf; ±inf at ±1, NaN beyond. Polynomials in -log(1 - x²), after Giles. @see https://people.maths.ox.ac.uk/gilesm/files/gems_erfinv.pdf */
export function erfInv(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const w = k.neg(log1pOf(k, k.neg(k.mul(x, x)), k.mul(k.sub(f(1), x), k.add(f(1), x))));
  const central = polynomial(
    k,
    k.sub(w, f(2.5)),
    [
      1.50140941, 0.246640727, -0.00417770771, -0.00125370745, 0.000218602305, -4.39678388e-6, -3.52889083e-6,
      3.43727294e-7, 2.8537313e-8,
    ],
  );
  const tail = polynomial(
    k,
    k.sub(k.sqrt(w), f(3)),
    [
      2.83297706, 1.00167418, 0.00943562016, -0.00762529997, 0.00576180499, -0.00366015104, 0.00130022399,
      8.61195804e-5, -0.000165433186,
    ],
  );
  const inside = k.mul(x, k.select(k.lt(w, f(5)), central, tail));
  return k.select(k.eq(k.abs(x), f(1)), copySign(k, f(Infinity), x), inside);
}

/** log Γ(z) for z from ½: a polynomial between its zeros 1 and 2, Stirling's series from 3. */
function lgammaPositive(k: KernelBuilder, z: Value): Value {
  const { f } = constantsLike(k, z);
  const logarithm = log(k, z);
  // Below 1, Γ(z) = Γ(z + 1) / z.
  const isBelow = k.lt(z, f(1));
  const fromTwo = k.select(isBelow, k.sub(z, f(1)), k.sub(z, f(2)));
  const fromOne = k.select(isBelow, z, k.sub(z, f(1)));
  const p = polynomial(
    k,
    fromTwo,
    [
      0.422784477, -0.100317687, 0.0329579748, -0.0123766931, 0.00505271088, -0.00214852788, 0.000773166365,
      -0.000319224724, 0.000326132373, -0.000158864786,
    ],
  );
  const central = k.sub(k.mul(k.mul(fromOne, fromTwo), p), k.select(isBelow, logarithm, f(0)));
  const inverse = k.div(f(1), z);
  const series = k.mul(inverse, polynomial(k, k.mul(inverse, inverse), [1 / 12, -1 / 360, 1 / 1260, -1 / 1680]));
  const leading = k.mul(k.sub(z, f(0.5)), k.sub(logarithm, f(1)));
  const stirling = k.add(leading, k.add(f(0.5 * Math.log(2 * Math.PI) - 0.5), series));
  return k.select(k.lt(z, f(3)), central, stirling);
}

/** log |Γ(x)|; inf at zero, negative integers and ±inf. */
export function lgamma(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const reflects = k.lt(x, f(0.5));
  const positive = lgammaPositive(k, k.select(reflects, k.sub(f(1), x), x));
  const { sin } = sinCosPi(k, x);
  const reflected = k.sub(k.sub(f(Math.log(Math.PI)), log(k, k.abs(sin))), positive);
  const value = k.select(reflects, reflected, positive);
  // Far below zero every float is a pole, where both terms are infinite.
  const isPole = k.and(k.le(x, f(0)), k.eq(k.floor(x), x));
  return k.select(k.or(isInf(k, x), isPole), f(Infinity), value);
}

/** Γ'(x) / Γ(x); NaN at negative integers and -inf. */
export function digamma(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const reflects = k.lt(x, f(0.5));
  const z = k.select(reflects, k.sub(f(1), x), x);
  // ψ(z) = ψ(z + 6) - Σ 1 / (z + i), so that the asymptotic series holds.
  const isSmall = k.lt(z, f(6));
  const shifted = k.select(isSmall, k.add(z, f(6)), z);
  const pairs = [0, 2, 4].map((i) => {
    const [a, b] = [k.add(z, f(i)), k.add(z, f(i + 1))];
    return k.div(k.add(a, b), k.mul(a, b));
  });
  const sum = k.select(isSmall, k.add(pairs[0], k.add(pairs[1], pairs[2])), f(0));
  const inverse = k.div(f(1), shifted);
  const square = k.mul(inverse, inverse);
  const series = k.mul(square, polynomial(k, square, [1 / 12, -1 / 120, 1 / 252, -1 / 240]));
  const positive = k.sub(k.sub(k.sub(log(k, shifted), k.mul(f(0.5), inverse)), series), sum);
  const { sin, cos } = sinCosPi(k, x);
  const value = k.select(reflects, k.sub(positive, k.div(k.mul(f(Math.PI), cos), sin)), positive);
  const isPole = k.and(k.le(x, f(0)), k.eq(k.floor(x), x));
  return k.select(isPole, f(Number.NaN), value);
}
