/** Compute values rounded to, encoded as and decoded from narrower dtypes, by integer arithmetic: exact on every device. */
import { bitsOf, computeType, type DType, kindOf, rangeOf } from "../base/dtypes.ts";
import { roundTo } from "../base/rounding.ts";
import type { KernelBuilder } from "./builder.ts";
import { constantsLike, isNaN } from "./float.ts";
import type { Value } from "./ir.ts";

// f32 bits of f16's landmarks.
const smallestNormal = 0x38800000; // 2^-14
const overflow = 0x477ff000; // 65520: halfway from the largest finite value to what would come next
const exponentShift = 0x38000000; // (127 - 15) << 23

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
  if (dtype === "bfloat16") return mark(roundToBFloat16(k, x), dtype);
  if (dtype === "float16") return mark(roundToFloat16(k, x), dtype);
  return mark(wrap(k, dtype, x), dtype);
}

/** Adds half of the last kept unit, minus one where that would break a tie upward to odd. */
function roundMantissa(k: KernelBuilder, bits: Value, dropped: number): Value {
  const { u } = constantsLike(k, bits);
  const odd = k.and(k.shr(bits, u(dropped)), u(1));
  return k.add(bits, k.add(odd, u(2 ** (dropped - 1) - 1)));
}

function roundToBFloat16(k: KernelBuilder, x: Value): Value {
  const { u } = constantsLike(k, x);
  const bits = k.bitcast("u32", x);
  // A NaN whose payload lies in the dropped bits must not become an infinity.
  const kept = k.select(isNaN(k, x), k.or(bits, u(0x00400000)), roundMantissa(k, bits, 16));
  return k.bitcast("f32", k.and(kept, u(0xffff0000)));
}

function roundToFloat16(k: KernelBuilder, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const bits = k.bitcast("u32", x);
  const magnitude = k.and(bits, u(0x7fffffff));
  const sign = k.and(bits, u(0x80000000));
  const normal = k.and(roundMantissa(k, magnitude, 13), u(0xffffe000));
  const finite = k.select(k.ge(magnitude, u(overflow)), u(0x7f800000), normal);
  const large = k.bitcast("f32", k.or(sign, k.select(isNaN(k, x), u(0x7fc00000), finite)));
  const small = k.mul(k.roundEven(k.mul(x, f(2 ** 24))), f(2 ** -24));
  return k.select(k.lt(magnitude, u(smallestNormal)), small, large);
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
  if (dtype === "bfloat16") return k.shr(k.bitcast("u32", roundToDtype(k, dtype, x)), u(16));
  if (dtype === "float16") return encodeFloat16(k, x);
  return k.and(k.bitcast("u32", x), u(2 ** bitsOf(dtype) - 1));
}

function encodeFloat16(k: KernelBuilder, x: Value): Value {
  const { f, u } = constantsLike(k, x);
  const bits = k.bitcast("u32", x);
  const magnitude = k.and(bits, u(0x7fffffff));
  const normal = k.shr(roundMantissa(k, k.sub(magnitude, u(exponentShift)), 13), u(13));
  const subnormal = k.cast("u32", k.roundEven(k.mul(k.min(k.abs(x), f(2 ** -14)), f(2 ** 24))));
  const finite = k.select(k.lt(magnitude, u(smallestNormal)), subnormal, normal);
  const some = k.select(k.ge(magnitude, u(overflow)), u(0x7c00), finite);
  return k.or(k.and(k.shr(bits, u(16)), u(0x8000)), k.select(isNaN(k, x), u(0x7e00), some));
}

/** The compute value of a dtype's bits. @param bits u32, what lies above the dtype's own bits is 0 */
export function decode(k: KernelBuilder, dtype: DType, bits: Value): Value {
  const { u } = constantsLike(k, bits);
  const type = computeType(dtype);
  if (dtype === "bool") return k.ne(bits, u(0));
  if (bitsOf(dtype) === 32) return k.bitcast(type as "f32", bits);
  if (dtype === "bfloat16") return mark(k.bitcast("f32", k.shl(bits, u(16))), dtype);
  if (dtype === "float16") return mark(decodeFloat16(k, bits), dtype);
  if (kindOf(dtype) === "unsigned") return mark(k.assume(bits, rangeOf(dtype)), dtype);
  return extendSign(k, dtype, k.shl(bits, u(32 - bitsOf(dtype))));
}

function decodeFloat16(k: KernelBuilder, bits: Value): Value {
  const { f, u } = constantsLike(k, bits);
  const sign = k.shl(k.and(bits, u(0x8000)), u(16));
  const magnitude = k.and(bits, u(0x7fff));
  const shifted = k.shl(magnitude, u(13));
  const subnormal = k.bitcast("u32", k.mul(k.cast("f32", k.bitcast("i32", magnitude)), f(2 ** -24)));
  const normal = k.add(shifted, u(exponentShift));
  const finite = k.select(k.lt(magnitude, u(0x400)), subnormal, normal);
  const all = k.select(k.ge(magnitude, u(0x7c00)), k.or(shifted, u(0x7f800000)), finite);
  return k.bitcast("f32", k.or(sign, all));
}

/** Lane `lane` of a word of a packed dtype, as its compute value. */
export function decodeLane(k: KernelBuilder, dtype: DType, word: Value, lane: number): Value {
  const bits = bitsOf(dtype);
  const { u } = constantsLike(k, word);
  const above = 32 - bits * (lane + 1);
  if (dtype === "bfloat16")
    return mark(k.bitcast("f32", lane === 1 ? k.and(word, u(0xffff0000)) : k.shl(word, u(16))), dtype);
  if (kindOf(dtype) === "signed") return extendSign(k, dtype, above === 0 ? word : k.shl(word, u(above)));
  const shifted = lane === 0 ? word : k.shr(word, u(lane * bits));
  return decode(k, dtype, above === 0 ? shifted : k.and(shifted, u(2 ** bits - 1)));
}

/** The signed integer in the top bits of a word. */
function extendSign(k: KernelBuilder, dtype: DType, top: Value): Value {
  const shifted = k.shr(k.bitcast("i32", top), constantsLike(k, top).u(32 - bitsOf(dtype)));
  return mark(k.assume(shifted, rangeOf(dtype)), dtype);
}
