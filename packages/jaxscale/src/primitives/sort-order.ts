/** Elements as unsigned integers that order as they do, so that kernels compare no floats: drivers differ on NaN. */
import { type DType, isBool, isFloat, kindOf } from "../base/dtypes.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { isNaN } from "../kernel/float.ts";
import type { Value } from "../kernel/ir.ts";

const sign = 0x80000000;

function floatKey(k: KernelBuilder, element: Value): Value {
  const bits = k.bitcast("u32", element);
  const ordered = k.select(k.ge(bits, k.u32(sign)), k.not(bits), k.or(bits, k.u32(sign)));
  return k.select(isNaN(k, element), k.u32(0xffffffff), ordered);
}

/** By value, every NaN above all numbers, −0 below 0: no two numbers share a key. @returns u32 */
export function totalOrderKey(k: KernelBuilder, element: Value, dtype: DType): Value {
  if (isFloat(dtype)) return floatKey(k, element);
  if (isBool(dtype)) return k.cast("u32", element);
  return kindOf(dtype) === "signed" ? k.xor(k.bitcast("u32", element), k.u32(sign)) : element;
}

/** The element whose `totalOrderKey` it is. */
export function elementOfKey(k: KernelBuilder, key: Value, dtype: DType): Value {
  if (isFloat(dtype))
    return k.bitcast("f32", k.select(k.ge(key, k.u32(sign)), k.and(key, k.u32(0x7fffffff)), k.not(key)));
  if (isBool(dtype)) return k.ne(key, k.u32(0));
  return kindOf(dtype) === "signed" ? k.bitcast("i32", k.xor(key, k.u32(sign))) : key;
}

/** By value, every NaN above all numbers, both zeros equal. @returns u32 */
export function sortKey(k: KernelBuilder, element: Value, dtype: DType): Value {
  if (!isFloat(dtype)) return totalOrderKey(k, element, dtype);
  const magnitude = k.and(k.bitcast("u32", element), k.u32(0x7fffffff));
  return k.select(k.eq(magnitude, k.u32(0)), k.u32(sign), floatKey(k, element));
}

/** Below 0 if a comes before b, as by `sortKey`. */
export function compareNumbers(a: number, b: number): number {
  const [aIsNaN, bIsNaN] = [Number.isNaN(a), Number.isNaN(b)];
  return aIsNaN || bIsNaN ? Number(aIsNaN) - Number(bIsNaN) : a - b || (a < b ? -1 : a > b ? 1 : 0);
}

/** As `compareNumbers`, −0 before 0. */
export function compareTotally(a: number, b: number): number {
  return compareNumbers(a, b) || Number(Object.is(b, -0)) - Number(Object.is(a, -0));
}
