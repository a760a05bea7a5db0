/** Trigonometric functions and their inverses in f32. Scalars or vectors; NaN in, NaN out, NaN of infinities where JAX has it. */
import type { KernelBuilder } from "./builder.ts";
import { constantsLike, copySign, propagateNan } from "./float.ts";
import type { Value } from "./ir.ts";
import { reduceHugeAngle } from "./payne-hanek.ts";
import { mapLanes, polynomial } from "./polynomial.ts";

// π/2 in parts of 8 bits, whose products with a quadrant below 2^16 are exact.
const halfPi = [1.5703125, 0.0004825592041015625, 1.2665987014770508e-6, 9.920935796805404e-10];
/** Above this a quadrant takes more than 16 bits. */
const huge = 1e5;

/** sin and cos of a rest in [-π/4, π/4]. */
function sincosOfRest(k: KernelBuilder, r: Value): { sin: Value; cos: Value } {
  const { f } = constantsLike(k, r);
  const z = k.mul(r, r);
  const odd = polynomial(k, z, [-0.166666672, 0.00833333191, -0.000198400638, 2.7246947e-6]);
  const even = polynomial(k, z, [0.0416666642, -0.0013888292, 2.45455194e-5]);
  return { sin: k.mul(r, k.fma(z, odd, f(1))), cos: k.fma(z, k.fma(z, even, f(-0.5)), f(1)) };
}

/** |x| as a rest in [-π/4, π/4] and a number of quadrants (i32). */
function reduceAngle(k: KernelBuilder, x: Value): { rest: Value; quadrant: Value } {
  const a = k.abs(x);
  const turns = k.roundEven(k.mul(a, k.f32(2 / Math.PI)));
  const near = halfPi.reduce((rest, part) => k.sub(rest, k.mul(turns, k.f32(part))), a);
  const rest = k.variable(near, "rest");
  const quadrant = k.variable(k.cast("i32", turns), "quadrant");
  k.if(k.and(k.gt(a, k.f32(huge)), k.lt(a, k.f32(Infinity))), () => {
    const reduced = reduceHugeAngle(k, a);
    k.set(rest, reduced.rest);
    k.set(quadrant, reduced.quadrant);
  });
  return { rest: k.get(rest), quadrant: k.get(quadrant) };
}

const negateIf = (k: KernelBuilder, condition: Value, x: Value): Value => k.select(condition, k.neg(x), x);
const hasBit = (k: KernelBuilder, quadrant: Value, bit: number): Value => k.ne(k.and(quadrant, k.i32(bit)), k.i32(0));

export const sin = (k: KernelBuilder, x: Value): Value =>
  mapLanes(k, [x], (lane) => {
    const { rest, quadrant } = reduceAngle(k, lane);
    const { sin, cos } = sincosOfRest(k, rest);
    const value = negateIf(k, hasBit(k, quadrant, 2), k.select(hasBit(k, quadrant, 1), cos, sin));
    return negateIf(k, k.ge(k.bitcast("u32", lane), k.u32(0x80000000)), value);
  });

export const cos = (k: KernelBuilder, x: Value): Value =>
  mapLanes(k, [x], (lane) => {
    const { rest, quadrant } = reduceAngle(k, lane);
    const { sin, cos } = sincosOfRest(k, rest);
    const ahead = k.add(quadrant, k.i32(1));
    return negateIf(k, hasBit(k, ahead, 2), k.select(hasBit(k, quadrant, 1), sin, cos));
  });

export const tan = (k: KernelBuilder, x: Value): Value =>
  mapLanes(k, [x], (lane) => {
    const { rest, quadrant } = reduceAngle(k, lane);
    const { sin, cos } = sincosOfRest(k, rest);
    const swaps = hasBit(k, quadrant, 1);
    const value = k.div(k.select(swaps, k.neg(cos), sin), k.select(swaps, sin, cos));
    return negateIf(k, k.ge(k.bitcast("u32", lane), k.u32(0x80000000)), value);
  });

/** (asin(√z) / √z - 1) / z for z in [0, ¼]. */
const asinCoefficients = [0.166666597, 0.0750051066, 0.0445157215, 0.0318176076, 0.0144026149, 0.0375651866];

/** asin(|x|) / s, where s is |x| up to ½ and √((1 - |x|) / 2) above. */
function asinParts(k: KernelBuilder, a: Value): { isNear: Value; part: Value } {
  const { f } = constantsLike(k, a);
  const isNear = k.le(a, f(0.5));
  const z = k.select(isNear, k.mul(a, a), k.mul(k.sub(f(1), a), f(0.5)));
  const s = k.select(isNear, a, k.sqrt(z));
  return { isNear, part: k.mul(s, k.fma(z, polynomial(k, z, asinCoefficients), f(1))) };
}

/** NaN outside [-1, 1]. */
export function asin(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const { isNear, part } = asinParts(k, k.abs(x));
  return copySign(k, k.select(isNear, part, k.sub(f(Math.PI / 2), k.add(part, part))), x);
}

/** NaN outside [-1, 1]. */
export function acos(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const { isNear, part } = asinParts(k, k.abs(x));
  const double = k.add(part, part);
  const far = k.select(k.lt(x, f(0)), k.sub(f(Math.PI), double), double);
  return k.select(isNear, k.sub(f(Math.PI / 2), copySign(k, part, x)), far);
}

/** atan of a value in [0, 1]. */
function atanToOne(k: KernelBuilder, t: Value): Value {
  const { f } = constantsLike(k, t);
  const z = k.mul(t, t);
  const p = polynomial(
    k,
    z,
    [
      -0.333332986, 0.199985489, -0.142642409, 0.109521814, -0.0840343684, 0.0579573587, -0.0311776139, 0.0109144812,
      -0.00179359387,
    ],
  );
  return k.mul(t, k.fma(z, p, f(1)));
}

export function atan(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const a = k.abs(x);
  const inverts = k.gt(a, f(1));
  const angle = atanToOne(k, k.select(inverts, k.div(f(1), a), a));
  return copySign(k, k.select(inverts, k.sub(f(Math.PI / 2), angle), angle), x);
}

/** The angle of the point (y, x), in [-π, π]; zeros and infinities as in IEEE 754. */
export function atan2(k: KernelBuilder, y: Value, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const [ax, ay] = [k.abs(x), k.abs(y)];
  const [small, large] = [k.min(ax, ay), k.max(ax, ay)];
  const ratio = k.select(k.eq(small, large), f(1), k.div(small, large));
  const angle = atanToOne(k, k.select(k.eq(small, f(0)), f(0), ratio));
  const steep = k.select(k.gt(ay, ax), k.sub(f(Math.PI / 2), angle), angle);
  const isLeft = k.ge(k.bitcast("u32", x), u(0x80000000));
  const whole = k.select(isLeft, k.sub(f(Math.PI), steep), steep);
  return propagateNan(k, copySign(k, whole, y), x, y);
}

/** sin πx and cos πx up to a common sign, exact at multiples of ½. */
export function sinCosPi(k: KernelBuilder, x: Value): { sin: Value; cos: Value } {
  const { f } = constantsLike(k, x);
  const rest = k.sub(x, k.roundEven(x));
  const a = k.abs(rest);
  const isSteep = k.gt(a, f(0.25));
  const { sin, cos } = sincosOfRest(k, k.mul(k.select(isSteep, k.sub(f(0.5), a), a), f(Math.PI)));
  return { sin: copySign(k, k.select(isSteep, cos, sin), rest), cos: k.select(isSteep, sin, cos) };
}
