/** Compute values rounded to, encoded as and decoded from narrower dtypes, by integer arithmetic: exact on every device. */
import {
  bitsOf,
  computeType,
  type DType,
  formatOf,
  isFloat,
  kindOf,
  rangeOf,
  smallestNormalOf,
} from "../base/dtypes.ts";
import { isUpperPart, landmarksOf, roundTo } from "../base/rounding.ts";
import type { KernelBuilder } from "./builder.ts";
import { constantsLike, isNaN } from "./float.ts";
import type { Value } from "./ir.ts";

const rounded = new WeakMap<Value, Set<DType>>();

function mark(v: Value, dtype: DType): Value {
  const known = rounded.get(v);
  if (known) known.add(dtype);
  else rounded.set(v, new Set([dtype]));
  return v;
}

/** Whether the value is known to be one that the dtype can hold. */
function isRounded(v: Value, dtype: DType): boolean {
  if (rounded.get(v)?.has(dtype)) return true;
  if (v.op === "const") return Object.is(roundTo(dtype, v.attr as number), v.attr);
  const { min, max } = rangeOf(dtype);
  if (kindOf(dtype) !== "float") return v.range !== undefined && v.range.min >= min && v.range.max <= max;
  if (v.op === "select") return isRounded(v.args[1], dtype) && isRounded(v.args[2], dtype);
  return ["neg", "abs", "max", "min", "vec", "lane"].includes(v.op) && v.args.every((a) => isRounded(a, dtype));
}

/** The dtype's value nearest to `x`, still of its compute type: floats round to nearest even, integers wrap. */
export function roundToDtype(k: KernelBuilder, dtype: DType, x: Value): Value {
  if (bitsOf(dtype) === 32 || dtype === "bool" || isRounded(x, dtype)) return x;
  if (!isFloat(dtype)) return mark(wrap(k, dtype, x), dtype);
  return mark((isUpperPart(formatOf(dtype)) ? roundToUpperPart : roundToNarrow)(k, dtype, x), dtype);
}

/** Adds half of the last kept unit, minus one where that would break a tie upward to odd. */
function roundMantissa(k: KernelBuilder, bits: Value, dropped: number): Value {
  const { u } = constantsLike(k, bits);
  const odd = k.and(k.shr(bits, u(dropped)), u(1));
  return k.add(bits, k.add(odd, u(2 ** (dropped - 1) - 1)));
}

/** Bits of an f32's mantissa that a float does not have. */
const droppedBits = (dtype: DType): number => 23 - formatOf(dtype).mantissaBits;

function roundToUpperPart(k: KernelBuilder, dtype: DType, x: Value): Value {
  const { u } = constantsLike(k, x);
  const bits = k.bitcast("u32", x);
  const dropped = droppedBits(dtype);
  // A NaN whose payload lies in the dropped bits must not become an infinity.
  const kept = k.select(isNaN(k, x), k.or(bits, u(0x00400000)), roundMantissa(k, bits, dropped));
  return k.bitcast("f32", k.and(kept, u(2 ** 32 - 2 ** dropped)));
}

/** Of floats with fewer bits of exponent than an f32. */
function roundToNarrow(k: KernelBuilder, dtype: DType, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const { overflowsFrom, normalFrom, unit } = landmarksOf(dtype);
  const dropped = droppedBits(dtype);
  const bits = k.bitcast("u32", x);
  const magnitude = k.and(bits, u(0x7fffffff));
  const sign = k.and(bits, u(0x80000000));
  const normal = k.and(roundMantissa(k, magnitude, dropped), u(2 ** 32 - 2 ** dropped));
  const overflow = formatOf(dtype).infinity ? 0x7f800000 : 0x7fc00000;
  const finite = k.select(k.ge(magnitude, u(overflowsFrom)), u(overflow), normal);
  const large = k.bitcast("f32", k.or(sign, k.select(isNaN(k, x), u(0x7fc00000), finite)));
  const small = k.mul(k.roundEven(k.mul(x, f(1 / unit))), f(unit));
  return k.select(k.lt(magnitude, u(normalFrom)), small, large);
}

function wrap(k: KernelBuilder, dtype: DType, x: Value): Value {
  const bits = bitsOf(dtype);
  const { u } = constantsLike(k, x);
  if (kindOf(dtype) === "unsigned") return k.assume(k.and(x, u(2 ** bits - 1)), rangeOf(dtype));
  return k.assume(k.shr(k.shl(x, u(32 - bits)), u(32 - bits)), rangeOf(dtype));
}

/** The dtype's bits as the low bits of a u32, the others 0. @param x of the dtype's compute type; rounded if it is not yet */
export function encode(k: KernelBuilder, dtype: DType, x: Value): Value {
  const { u } = constantsLike(k, x);
  if (dtype === "bool") return k.cast("u32", x);
  if (bitsOf(dtype) === 32) return k.bitcast("u32", x);
  if (!isFloat(dtype)) return k.and(k.bitcast("u32", x), u(2 ** bitsOf(dtype) - 1));
  if (isUpperPart(formatOf(dtype))) return k.shr(k.bitcast("u32", roundToDtype(k, dtype, x)), u(droppedBits(dtype)));
  return encodeNarrow(k, dtype, x);
}

function encodeNarrow(k: KernelBuilder, dtype: DType, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const { nan, overflow, overflowsFrom, normalFrom, rebias, unit } = landmarksOf(dtype);
  const dropped = droppedBits(dtype);
  const bits = k.bitcast("u32", x);
  const magnitude = k.and(bits, u(0x7fffffff));
  const normal = k.shr(roundMantissa(k, k.sub(magnitude, u(rebias)), dropped), u(dropped));
  const least = f(smallestNormalOf(dtype));
  const subnormal = k.cast("u32", k.roundEven(k.mul(k.min(k.abs(x), least), f(1 / unit))));
  const finite = k.select(k.lt(magnitude, u(normalFrom)), subnormal, normal);
  const some = k.select(k.ge(magnitude, u(overflowsFrom)), u(overflow), finite);
  const width = bitsOf(dtype);
  const sign = k.and(k.shr(bits, u(32 - width)), u(2 ** (width - 1)));
  return k.or(sign, k.select(isNaN(k, x), u(nan), some));
}

/** The compute value of a dtype's bits. @param bits u32, what lies above the dtype's own bits is 0 */
export function decode(k: KernelBuilder, dtype: DType, bits: Value): Value {
  const { u } = constantsLike(k, bits);
  if (dtype === "bool") return k.ne(bits, u(0));
  if (bitsOf(dtype) === 32) return k.bitcast(computeType(dtype) as "f32", bits);
  if (isFloat(dtype)) {
    if (!isUpperPart(formatOf(dtype))) return mark(decodeNarrow(k, dtype, bits), dtype);
    return mark(k.bitcast("f32", k.shl(bits, u(droppedBits(dtype)))), dtype);
  }
  if (kindOf(dtype) === "unsigned") return mark(k.assume(bits, rangeOf(dtype)), dtype);
  return extendSign(k, dtype, k.shl(bits, u(32 - bitsOf(dtype))));
}

function decodeNarrow(k: KernelBuilder, dtype: DType, bits: Value): Value {
  const { f, u } = constantsLike(k, bits);
  const { mantissaBits, infinity } = formatOf(dtype);
  const { overflow, rebias, unit } = landmarksOf(dtype);
  const width = bitsOf(dtype);
  const sign = k.shl(k.and(bits, u(2 ** (width - 1))), u(32 - width));
  const magnitude = k.and(bits, u(2 ** (width - 1) - 1));
  const shifted = k.shl(magnitude, u(23 - mantissaBits));
  const subnormal = k.bitcast("u32", k.mul(k.cast("f32", k.bitcast("i32", magnitude)), f(unit)));
  const normal = k.add(shifted, u(rebias));
  const finite = k.select(k.lt(magnitude, u(2 ** mantissaBits)), subnormal, normal);
  const others = infinity ? k.or(shifted, u(0x7f800000)) : u(0x7fc00000);
  const all = k.select(k.ge(magnitude, u(overflow)), others, finite);
  return k.bitcast("f32", k.or(sign, all));
}

/** Lane `lane` of a word of a packed dtype, as its compute value. */
export function decodeLane(k: KernelBuilder, dtype: DType, word: Value, lane: number): Value {
  const bits = bitsOf(dtype);
  const { u } = constantsLike(k, word);
  const above = 32 - bits * (lane + 1);
  const toTop = (): Value => (above === 0 ? word : k.shl(word, u(above)));
  if (isFloat(dtype) && isUpperPart(formatOf(dtype))) {
    const kept = 2 ** 32 - 2 ** droppedBits(dtype);
    return mark(k.bitcast("f32", lane === 0 ? toTop() : k.and(toTop(), u(kept))), dtype);
  }
  if (kindOf(dtype) === "signed") return extendSign(k, dtype, toTop());
  const shifted = lane === 0 ? word : k.shr(word, u(lane * bits));
  return decode(k, dtype, above === 0 ? shifted : k.and(shifted, u(2 ** bits - 1)));
}

/** The signed integer in the top bits of a word. */
function extendSign(k: KernelBuilder, dtype: DType, top: Value): Value {
  const shifted = k.shr(k.bitcast("i32", top), constantsLike(k, top).u(32 - bitsOf(dtype)));
  return mark(k.assume(shifted, rangeOf(dtype)), dtype);
}
