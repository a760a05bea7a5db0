/** Ops on the bits of integers; the logical ones on bools too. */
import { bitsOf, type DType, isBool, isInteger } from "../base/dtypes.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";
import { constantLike, defineBinary, defineUnary } from "./define-elementwise.ts";

const isBits = (dtype: DType): boolean => isBool(dtype) || isInteger(dtype);

export const not = defineUnary("not", {
  accepts: isBits,
  reference: (x, { dtype }) => (isBool(dtype) ? 1 - x : ~x),
  kernel: (k, x) => k.not(x),
});
export const and = defineBinary("and", {
  accepts: isBits,
  exact: true,
  reference: (x, y) => x & y,
  kernel: (k, x, y) => k.and(x, y),
});
export const or = defineBinary("or", {
  accepts: isBits,
  exact: true,
  reference: (x, y) => x | y,
  kernel: (k, x, y) => k.or(x, y),
});
export const xor = defineBinary("xor", {
  accepts: isBits,
  exact: true,
  reference: (x, y) => x ^ y,
  kernel: (k, x, y) => (x.type === "bool" ? k.ne(x, y) : k.xor(x, y)),
});

/** Bits that are one. */
export const populationCount = defineUnary("population_count", {
  accepts: isInteger,
  exact: true,
  reference: (x, { dtype }) => onesOf(lowBits(x, dtype)),
  kernel: (k, x, { dtype }) => fromU32(k, k.countOneBits(lowBitsValue(k, x, dtype)), x),
});

/** Leading zero bits, within the dtype's width. */
export const clz = defineUnary("clz", {
  accepts: isInteger,
  exact: true,
  reference: (x, { dtype }) => Math.clz32(lowBits(x, dtype)) - (32 - bitsOf(dtype)),
  kernel: (k, x, { dtype }) => {
    const zeros = k.countLeadingZeros(lowBitsValue(k, x, dtype));
    return fromU32(k, k.sub(zeros, k.u32(32 - bitsOf(dtype))), x);
  },
});

/** Shifts by the width or more (a negative count is one) leave zeros. */
export const shiftLeft = defineBinary("shift_left", {
  accepts: isInteger,
  reference: (x, y, { dtype }) => (inWidth(y, dtype) ? x << y : 0),
  kernel: (k, x, y, { dtype }) => {
    const { count, fits } = shiftCount(k, y, dtype);
    return k.select(fits, k.shl(x, count), constantLike(k, x, 0));
  },
});
export const shiftRightLogical = defineBinary("shift_right_logical", {
  accepts: isInteger,
  reference: (x, y, { dtype }) => (inWidth(y, dtype) ? lowBits(x, dtype) >>> y : 0),
  kernel: (k, x, y, { dtype }) => {
    const { count, fits } = shiftCount(k, y, dtype);
    return k.select(fits, fromU32(k, k.shr(lowBitsValue(k, x, dtype), count), x), constantLike(k, x, 0));
  },
});
/** Fills with the top bit, of unsigned integers too; shifts by the width or more leave nothing else. */
export const shiftRightArithmetic = defineBinary("shift_right_arithmetic", {
  accepts: isInteger,
  reference: (x, y, { dtype }) => signExtended(x, dtype) >> (inWidth(y, dtype) ? y : 31),
  kernel: (k, x, y, { dtype }) => {
    const { count, fits } = shiftCount(k, y, dtype);
    const unused = k.u32(32 - bitsOf(dtype));
    const signed = k.shr(k.shl(k.bitcast("i32", x), unused), unused);
    const shifted = k.shr(signed, k.select(fits, count, k.u32(31)));
    return x.type === "u32" ? k.bitcast("u32", shifted) : shifted;
  },
});

const inWidth = (count: number, dtype: DType): boolean => count >= 0 && count < bitsOf(dtype);
const lowBits = (x: number, dtype: DType): number => (x << (32 - bitsOf(dtype))) >>> (32 - bitsOf(dtype));
const signExtended = (x: number, dtype: DType): number => (x << (32 - bitsOf(dtype))) >> (32 - bitsOf(dtype));

function onesOf(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

const fromU32 = (k: KernelBuilder, bits: Value, like: Value): Value =>
  like.type === "i32" ? k.bitcast("i32", bits) : bits;

/** The bits that the dtype stores, as u32: a narrow signed value loses its sign extension. */
function lowBitsValue(k: KernelBuilder, x: Value, dtype: DType): Value {
  const bits = k.bitcast("u32", x);
  return bitsOf(dtype) === 32 ? bits : k.and(bits, k.u32(2 ** bitsOf(dtype) - 1));
}

function shiftCount(k: KernelBuilder, y: Value, dtype: DType): { readonly count: Value; readonly fits: Value } {
  const bits = k.bitcast("u32", y);
  return {
    count: k.and(bits, k.u32(31)),
    fits: k.lt(bits, k.u32(bitsOf(dtype))),
  };
}
