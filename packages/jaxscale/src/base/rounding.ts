/** Rounding of JavaScript numbers to the values a dtype can hold. */
import { bitsOf, type DType, kindOf } from "./dtypes.ts";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Bits of the bfloat16 nearest to x, ties to even; NaN stays NaN. */
export function toBFloat16Bits(x: number): number {
  f32[0] = x;
  const bits = u32[0];
  if (Number.isNaN(x)) return ((bits >>> 16) & 0xffff) | 0x0040;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
export function fromBFloat16Bits(bits: number): number {
  u32[0] = bits << 16;
  return f32[0];
}

/** Bits of the float16 nearest to x, ties to even; overflow gives infinity. */
export function toFloat16Bits(x: number): number {
  f32[0] = x;
  const bits = u32[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal or zero: the unit is 2^-24. Number arithmetic is exact here.
    const scaled = Math.abs(f32[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of `dtype` nearest to x. Floats round to nearest even; integers wrap modulo 2^bits; bool is 0 or 1. */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case "float32":
      return Math.fround(x);
    case "bfloat16":
      return fromBFloat16Bits(toBFloat16Bits(Math.fround(x)));
    case "float16":
      return fromFloat16Bits(toFloat16Bits(Math.fround(x)));
    case "bool":
      return x !== 0 ? 1 : 0;
    case "int32":
      return x | 0;
    case "uint32":
      return x >>> 0;
    default: {
      const bits = bitsOf(dtype);
      const low = (x | 0) & (2 ** bits - 1);
      return kindOf(dtype) === "signed" && low >= 2 ** (bits - 1) ? low - 2 ** bits : low;
    }
  }
}
