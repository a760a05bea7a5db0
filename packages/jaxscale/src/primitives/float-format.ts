/** Ops on a float's own format: classification, neighbours, fewer bits. */
import { bitsOf, type DType, formatOf, isFloat } from "../base/dtypes.ts";
import { ShapeError } from "../base/errors.ts";
import { packWords, unpackWords } from "../base/tensor-data.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import * as float from "../kernel/float.ts";
import type { Value } from "../kernel/ir.ts";
import { decode, encode } from "../kernel/rounding.ts";
import { defineBinary, defineNary, defineUnary, uniformType } from "./define-elementwise.ts";

export const finite = defineUnary("is_finite", {
  accepts: isFloat,
  result: () => "bool",
  exact: true,
  reference: (x) => (Number.isFinite(x) ? 1 : 0),
  kernel: (k, x) => float.isFinite(k, x),
});

/** The dtype's next value after x in the direction of y. Operands: x, y. */
export const nextafter = defineBinary("nextafter", {
  accepts: isFloat,
  exact: true,
  reference: (x, y, { dtype }) => {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
    if (x === y) return y;
    const signBit = 2 ** (bitsOf(dtype) - 1);
    if (x === 0) return fromBits(dtype, (y < 0 ? signBit : 0) + 1);
    return fromBits(dtype, toBits(dtype, x) + (x < y === x > 0 ? 1 : -1));
  },
  kernel: (k, x, y, { dtype }) => {
    const zero = k.f32(0);
    const signBit = k.u32(2 ** (bitsOf(dtype) - 1));
    const smallest = k.add(k.select(k.lt(y, zero), signBit, k.u32(0)), k.u32(1));
    const outward = k.eq(k.lt(x, y), k.gt(x, zero));
    const neighbour = k.add(encode(k, dtype, x), k.select(outward, k.u32(1), k.u32(-1)));
    const moved = decode(k, dtype, k.select(k.eq(x, zero), smallest, neighbour));
    return k.select(float.isNaN(k, x), x, k.select(k.or(float.isNaN(k, y), k.eq(x, y)), y, moved));
  },
});

const toBits = (dtype: DType, x: number): number => packWords({ dtype, values: Float32Array.of(x) })[0];
const fromBits = (dtype: DType, bits: number): number => unpackWords(dtype, Uint32Array.of(bits), 1)[0];

export type ReducePrecisionParams = {
  readonly exponentBits: number;
  readonly mantissaBits: number;
};

/** Rounds to the format with so many bits: overflow gives infinity, what would be denormal there gives zero. @throws ShapeError */
export const reducePrecision = defineNary<ReducePrecisionParams>("reduce_precision", {
  resultType: (inputs, params) => {
    if (params.exponentBits < 1)
      throw new ShapeError(`reduce_precision: exponentBits must be at least 1; got ${params.exponentBits}`);
    if (params.mantissaBits < 0)
      throw new ShapeError(`reduce_precision: mantissaBits must not be negative; got ${params.mantissaBits}`);
    return uniformType("reduce_precision", { accepts: isFloat })(inputs, params);
  },
  printParams: ({ exponentBits, mantissaBits }) => ({
    exponent_bits: String(exponentBits),
    mantissa_bits: String(mantissaBits),
  }),
  jvp: ({ bind1 }, _, [dx], __, params) => dx && bind1("reduce_precision", [dx], params),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("reduce_precision", [ct], params)],
  reference: ([x], { dtype, params: { exponentBits, mantissaBits } }) => {
    if (x === 0 || !Number.isFinite(x)) return x;
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - mantissaBits);
    const rounded = roundHalfEven(x / unit) * unit;
    if (exponentBits >= ownExponentBits(dtype)) return rounded;
    if (Math.abs(rounded) >= 2 ** (bias(exponentBits) + 1)) return Math.sign(x) * Infinity;
    return Math.abs(rounded) < 2 ** (1 - bias(exponentBits)) ? Math.sign(x) * 0 : rounded;
  },
  kernel: (k, [x], { dtype, params }) => k.select(float.isNaN(k, x), x, withFewerBits(k, x, dtype, params)),
});

const ownExponentBits = (dtype: DType): number => formatOf(dtype).exponentBits;
const bias = (exponentBits: number): number => 2 ** (exponentBits - 1) - 1;

function roundHalfEven(x: number): number {
  const whole = Math.floor(x);
  return x - whole > 0.5 || (x - whole === 0.5 && whole % 2 !== 0) ? whole + 1 : whole;
}

/** On the bits of a float32, which every float is computed in; x is not NaN. */
function withFewerBits(
  k: KernelBuilder,
  x: Value,
  dtype: DType,
  { exponentBits, mantissaBits }: ReducePrecisionParams,
): Value {
  let bits = k.bitcast("u32", x);
  const sign = k.and(bits, k.u32(0x80000000));
  const dropped = 23 - mantissaBits;
  if (dropped > 0) {
    const last = k.and(k.shr(bits, k.u32(dropped)), k.u32(1));
    const rounded = k.add(bits, k.add(k.u32(2 ** (dropped - 1) - 1), last));
    bits = k.and(rounded, k.u32(-(2 ** dropped)));
  }
  if (exponentBits < ownExponentBits(dtype)) {
    const exponent = k.and(k.shr(bits, k.u32(23)), k.u32(255));
    const infinite = k.gt(exponent, k.u32(127 + bias(exponentBits)));
    const vanishes = k.le(exponent, k.u32(127 - bias(exponentBits)));
    bits = k.select(infinite, k.or(sign, k.u32(0x7f800000)), k.select(vanishes, sign, bits));
  }
  return k.bitcast("f32", bits);
}
