/** Values that a dtype can hold: JavaScript's numbers rounded to them, as their bits, and back. */
import { biasOf, bitsOf, type DType, type FloatFormat, formatOf, isFloat, kindOf, rangeOf } from "./dtypes.ts";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

function float32Bits(x: number): number {
  f32[0] = x;
  return u32[0];
}
function fromFloat32Bits(bits: number): number {
  u32[0] = bits;
  return f32[0];
}

/** Bits of a float format's landmarks: what overflows and NaN become, and the magnitudes of float32 where rounding changes. */
export interface FloatLandmarks {
  readonly nan: number;
  /** Infinity, or NaN where there is none. */
  readonly overflow: number;
  /** Float32 bits of the least magnitude that overflows: halfway from the largest finite one to what would come next. */
  readonly overflowsFrom: number;
  /** Float32 bits of the smallest normal number. */
  readonly normalFrom: number;
  /** What the exponent of a float32 loses, as float32 bits. */
  readonly rebias: number;
  /** The smallest subnormal number. */
  readonly unit: number;
}

export function landmarksOf(dtype: DType): FloatLandmarks {
  const format = formatOf(dtype);
  const { exponentBits, mantissaBits, infinity } = format;
  const all = 2 ** (exponentBits + mantissaBits) - 1;
  const infinite = all - (2 ** mantissaBits - 1);
  return {
    nan: infinity ? infinite + 2 ** (mantissaBits - 1) : all,
    overflow: infinity ? infinite : all,
    // A tie goes to an even mantissa: up to infinity, but not up to NaN.
    overflowsFrom: float32Bits(rangeOf(dtype).max) + 2 ** (22 - mantissaBits) + (infinity ? 0 : 1),
    normalFrom: float32Bits(2 ** (1 - biasOf(format))),
    rebias: (127 - biasOf(format)) * 2 ** 23,
    unit: 2 ** (1 - biasOf(format) - mantissaBits),
  };
}

/** Whether a float is the upper part of a float32, so that its bits are. */
export const isUpperPart = ({ exponentBits }: FloatFormat): boolean => exponentBits === 8;

/** A function from numbers to the bits of the dtype's nearest values: floats round to nearest even, integers wrap. */
export function encoderOf(dtype: DType): (x: number) => number {
  const mask = 2 ** bitsOf(dtype) - 1;
  if (!isFloat(dtype)) return (x) => (x & mask) >>> 0;
  const format = formatOf(dtype);
  const { nan, overflow, overflowsFrom, normalFrom, rebias, unit } = landmarksOf(dtype);
  const dropped = 23 - format.mantissaBits;
  if (dropped === 0) return float32Bits;
  const [signShift, upper] = [32 - bitsOf(dtype), isUpperPart(format)];
  const half = 2 ** (dropped - 1) - 1;
  return (x) => {
    const bits = float32Bits(x);
    const sign = (bits & 0x80000000) >>> signShift;
    const magnitude = bits & 0x7fffffff;
    // A NaN keeps the payload that there is room for.
    if (magnitude > 0x7f800000) return sign | nan | (upper ? magnitude >>> dropped : 0);
    if (magnitude >= overflowsFrom) return sign | overflow;
    if (magnitude < normalFrom) return sign | roundHalfEven(Math.abs(f32[0]) / unit);
    const rebased = magnitude - rebias;
    return sign | ((rebased + half + ((rebased >>> dropped) & 1)) >>> dropped);
  };
}

/** A function from the dtype's bits to values. */
export function decoderOf(dtype: DType): (bits: number) => number {
  const width = bitsOf(dtype);
  if (!isFloat(dtype))
    return kindOf(dtype) === "signed" ? (bits) => (bits << (32 - width)) >> (32 - width) : (bits) => bits;
  const format = formatOf(dtype);
  if (isUpperPart(format)) return (bits) => fromFloat32Bits(bits << (32 - width));
  const { overflow, rebias, unit } = landmarksOf(dtype);
  const { mantissaBits, infinity } = format;
  const signBit = 2 ** (width - 1);
  return (bits) => {
    const sign = bits & signBit ? -1 : 1;
    const magnitude = bits & (signBit - 1);
    if (magnitude >= overflow) return magnitude === overflow && infinity ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    if (magnitude < 2 ** mantissaBits) return sign * magnitude * unit;
    return sign * fromFloat32Bits(magnitude * 2 ** (23 - mantissaBits) + rebias);
  };
}

/** The nearest whole number, ties to the even one. @param x at least 0 */
function roundHalfEven(x: number): number {
  const whole = Math.floor(x);
  return x - whole > 0.5 || (x - whole === 0.5 && whole % 2 !== 0) ? whole + 1 : whole;
}

const rounders = new Map<DType, (x: number) => number>();

function rounderOf(dtype: DType): (x: number) => number {
  if (kindOf(dtype) === "bool") return (x) => (x !== 0 ? 1 : 0);
  const [encode, decode] = [encoderOf(dtype), decoderOf(dtype)];
  return (x) => decode(encode(x));
}

/** The value of `dtype` nearest to x. Floats round to nearest even; integers wrap modulo 2^bits; bool is 0 or 1. */
export function roundTo(dtype: DType, x: number): number {
  let rounder = rounders.get(dtype);
  if (!rounder) rounders.set(dtype, (rounder = rounderOf(dtype)));
  return rounder(x);
}
