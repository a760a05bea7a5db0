/** Casts between float widths, on bytes. Widening is exact; narrowing rounds to nearest even, as `x.astype` does. */

export type FloatDType = "float32" | "float16" | "bfloat16";

export const isFloatDType = (dtype: string): dtype is FloatDType =>
  dtype === "float32" || dtype === "float16" || dtype === "bfloat16";

const widths: Record<FloatDType, 2 | 4> = { float32: 4, float16: 2, bfloat16: 2 };

/**
 * @param bytes whole elements, little-endian, aligned to them
 * @param into a buffer for the result, if large enough
 */
export function castBytes(
  bytes: Uint8Array<ArrayBuffer>,
  from: FloatDType,
  to: FloatDType,
  into?: ArrayBuffer,
): Uint8Array<ArrayBuffer> {
  if (from === to) return bytes;
  const size = bytes.length / widths[from];
  const sizeBytes = size * widths[to];
  const buffer = into !== undefined && into.byteLength >= sizeBytes ? into : new ArrayBuffer(sizeBytes);
  const view = new (widths[from] === 4 ? Uint32Array : Uint16Array)(bytes.buffer, bytes.byteOffset, size);
  const result = new (widths[to] === 4 ? Uint32Array : Uint16Array)(buffer, 0, size);
  const convert = converters[`${from} ${to}`] as (bits: number) => number;
  if (from === "bfloat16" && to === "float32") for (let i = 0; i < size; i++) result[i] = view[i] << 16;
  else if (from === "float16") {
    const table = halfTable(to as "float32" | "bfloat16");
    for (let i = 0; i < size; i++) result[i] = table[view[i]];
  } else for (let i = 0; i < size; i++) result[i] = convert(view[i]);
  return new Uint8Array(buffer, 0, sizeBytes);
}

const converters: Readonly<Record<string, (bits: number) => number>> = {
  "float32 bfloat16": floatToBrain,
  "float32 float16": floatToHalf,
  "bfloat16 float16": (bits) => floatToHalf((bits << 16) >>> 0),
};

function floatToBrain(bits: number): number {
  // A NaN whose payload is in the low half must not become infinity.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function floatToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520, halfway between the largest half and the next power of two
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  // Below 2^-14 halves are multiples of 2^-24; below half of that they are zero.
  if (exponent < 113) {
    const shift = 126 - exponent;
    if (shift > 24) return sign;
    const significand = (magnitude & 0x7fffff) | 0x800000;
    return sign | roundShift(significand, shift);
  }
  return sign | roundShift(magnitude - 0x38000000, 13);
}

/** `value / 2^shift`, rounded to nearest even. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const dropped = value & (2 ** shift - 1);
  const half = 2 ** (shift - 1);
  return dropped > half || (dropped === half && (kept & 1) === 1) ? kept + 1 : kept;
}

function halfToFloat(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  const leading = 31 - Math.clz32(fraction);
  return (sign | ((leading + 103) << 23) | ((fraction << (23 - leading)) & 0x7fffff)) >>> 0;
}

const halfTables = new Map<string, Uint32Array>();

function halfTable(to: "float32" | "bfloat16"): Uint32Array {
  let table = halfTables.get(to);
  if (table === undefined) {
    const convert = to === "float32" ? halfToFloat : (bits: number) => floatToBrain(halfToFloat(bits));
    table = Uint32Array.from({ length: 65536 }, (_, bits) => convert(bits));
    halfTables.set(to, table);
  }
  return table;
}
