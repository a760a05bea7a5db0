/**
 * Float rules that WGSL leaves open, made JAX's. What two drivers (lavapipe, SwiftShader) were measured to do:
 *
 * - `+ - * /` of values are IEEE, NaN and infinities included, and `/` and `sqrt` round correctly; no contraction.
 *   Denormals may be flushed. `fma` rounds twice.
 * - They simplify *expressions* as if NaN and rounding did not exist: `x * 0`, `0 / x`, `x - x`, `(a + b) - b`,
 *   `(x + 1e8) - 1e8`, `(a * b) / b`, `x / inf`. The builder hides those with `hide` (see cancel.ts).
 * - `< <= > >= ==` are right for NaN, also negated. `!=` is false for NaN: it is written `!(a == b)`.
 * - `min` and `max` skip NaN. `exp`, `exp2`, `log`, `log2` of NaN are numbers on SwiftShader, and `log` is coarse
 *   near 1 on both (math.ts has better). `floor ceil trunc round sqrt inverseSqrt abs` pass NaN on.
 * - u32 to f32 misrounds above 2^31; f32 to i32 saturates to 2^31 - 128, NaN gives whatever.
 *
 * Every function takes scalars or vectors.
 */
import { bitsOf, type DType, kindOf, rangeOf } from "../base/dtypes.ts";
import type { KernelBuilder } from "./builder.ts";
import { laneCount, scalarOf, type Value } from "./ir.ts";

/** Makes constants of as many lanes as `x` has. */
export function constantsLike(k: KernelBuilder, x: Value) {
  const lanes = laneCount(x.type);
  return {
    f: (n: number): Value => k.splat(k.f32(n), lanes),
    i: (n: number): Value => k.splat(k.i32(n), lanes),
    u: (n: number): Value => k.splat(k.u32(n), lanes),
  };
}

const bits = (k: KernelBuilder, x: Value): Value => k.bitcast("u32", x);
const magnitudeBits = (k: KernelBuilder, x: Value): Value => k.and(bits(k, x), constantsLike(k, x).u(0x7fffffff));

export const isNaN = (k: KernelBuilder, x: Value): Value =>
  k.gt(magnitudeBits(k, x), constantsLike(k, x).u(0x7f800000));
export const isInf = (k: KernelBuilder, x: Value): Value =>
  k.eq(magnitudeBits(k, x), constantsLike(k, x).u(0x7f800000));
export const isFinite = (k: KernelBuilder, x: Value): Value =>
  k.lt(magnitudeBits(k, x), constantsLike(k, x).u(0x7f800000));
/** True for negatives, -0 and NaNs that carry a sign. */
export const signBit = (k: KernelBuilder, x: Value): Value => k.ge(bits(k, x), constantsLike(k, x).u(0x80000000));

/** The magnitude of one, the sign of the other. */
export function copySign(k: KernelBuilder, magnitude: Value, sign: Value): Value {
  const { u } = constantsLike(k, sign);
  return k.bitcast("f32", k.or(magnitudeBits(k, magnitude), k.and(bits(k, sign), u(0x80000000))));
}

const cannotBeNan = (v: Value): boolean =>
  (v.op === "const" && !Number.isNaN(v.attr)) || (v.op === "vec" && v.args.every(cannotBeNan));

/** `result`, or the NaN among `inputs`. */
export const propagateNan = (k: KernelBuilder, result: Value, ...inputs: Value[]): Value =>
  inputs.filter((x) => !cannotBeNan(x)).reduce((r, x) => k.select(isNaN(k, x), x, r), result);

/** The larger; NaN if either is. Also for integers. */
export const maximum = (k: KernelBuilder, a: Value, b: Value): Value =>
  scalarOf(a.type) === "f32" ? propagateNan(k, k.max(a, b), a, b) : k.max(a, b);
/** The smaller; NaN if either is. Also for integers. */
export const minimum = (k: KernelBuilder, a: Value, b: Value): Value =>
  scalarOf(a.type) === "f32" ? propagateNan(k, k.min(a, b), a, b) : k.min(a, b);
/** `min(max(x, low), high)`; NaN if any is. */
export const clampNan = (k: KernelBuilder, x: Value, low: Value, high: Value): Value =>
  minimum(k, maximum(k, x, low), high);

/** Toward zero, saturating at the dtype's bounds; NaN gives 0, and true as a bool. The result has the dtype's compute type. */
export function floatToInt(k: KernelBuilder, dtype: DType, x: Value): Value {
  const { f, i, u } = constantsLike(k, x);
  if (kindOf(dtype) === "bool") return k.ne(magnitudeBits(k, x), u(0));
  const { min, max } = rangeOf(dtype);
  const signed = kindOf(dtype) === "signed";
  const type = signed ? "i32" : "u32";
  const constant = signed ? i : u;
  // The largest f32 that a 32-bit integer holds is less than the integer's own maximum.
  const top = bitsOf(dtype) < 32 ? max : max + 1 - 2 ** (signed ? 7 : 8);
  const whole = k.cast(type, k.min(k.max(x, f(min)), f(top)));
  const saturated = bitsOf(dtype) < 32 ? whole : k.select(k.ge(x, f(max + 1)), constant(max), whole);
  return k.select(isNaN(k, x), constant(0), saturated);
}

/** The f32 nearest to an i32, u32 or bool, ties to even. */
export function intToFloat(k: KernelBuilder, x: Value): Value {
  if (scalarOf(x.type) !== "u32" || x.op === "const") return k.cast("f32", x);
  const { f, u } = constantsLike(k, x);
  const signed = k.cast("f32", k.bitcast("i32", x));
  if (x.range && x.range.max < 2 ** 31) return signed;
  // Half of it with the dropped bit kept sticky rounds the same way.
  const half = k.or(k.shr(x, u(1)), k.and(x, u(1)));
  return k.select(k.ge(x, u(2 ** 31)), k.mul(k.cast("f32", k.bitcast("i32", half)), f(2)), signed);
}
