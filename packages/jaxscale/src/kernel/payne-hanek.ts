/** Angles too large for subtraction of multiples of π/2: Payne and Hanek's reduction, in integers. */
import type { KernelBuilder } from "./builder.ts";
import type { Value } from "./ir.ts";

// 2/π in binary, after a word of zeros: enough bits for the largest f32.
const twoOverPi = [0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab];

/** Low and high words of a product of u32. */
function multiplyWide(k: KernelBuilder, a: Value, b: Value): { low: Value; high: Value } {
  const half = k.u32(16);
  const mask = k.u32(0xffff);
  const [al, ah] = [k.and(a, mask), k.shr(a, half)];
  const [bl, bh] = [k.and(b, mask), k.shr(b, half)];
  const middle = k.add(k.mul(al, bh), k.shr(k.mul(al, bl), half));
  const other = k.add(k.mul(ah, bl), k.and(middle, mask));
  return { low: k.mul(a, b), high: k.add(k.add(k.mul(ah, bh), k.shr(middle, half)), k.shr(other, half)) };
}

/**
 * A rest in [-π/4, π/4] and the quadrant (i32, modulo 4).
 * @param a f32 scalar, at least 2^10, finite
 */
export function reduceHugeAngle(k: KernelBuilder, a: Value): { rest: Value; quadrant: Value } {
  const bits = k.bitcast("u32", a);
  const mantissa = k.or(k.and(bits, k.u32(0x007fffff)), k.u32(0x00800000));
  // Bits of 2/π whose product with the mantissa is a multiple of 4 quadrants are left out.
  const skip = k.sub(k.shr(bits, k.u32(23)), k.u32(120));
  const first = k.shr(skip, k.u32(5));
  const shift = k.and(skip, k.u32(31));
  const word = (i: number): Value =>
    [1, 2, 3, 4].reduce((w, j) => k.select(k.eq(first, k.u32(j)), k.u32(twoOverPi[j + i]), w), k.u32(twoOverPi[i]));
  const words = [0, 1, 2, 3].map(word);
  const window = [0, 1, 2].map((i) =>
    k.or(k.shl(words[i], shift), k.shr(k.shr(words[i + 1], k.u32(1)), k.sub(k.u32(31), shift))),
  );
  const tail = multiplyWide(k, mantissa, window[2]).high;
  const { low, high } = multiplyWide(k, mantissa, window[1]);
  const second = k.add(low, tail);
  const carry = k.select(k.lt(second, low), k.u32(1), k.u32(0));
  const top = k.add(k.add(k.mul(mantissa, window[0]), high), carry);
  // Two bits of quadrant, then the fraction; read as a signed number it is nearest to the next quadrant when negative.
  const fraction = k.or(k.shl(top, k.u32(2)), k.shr(second, k.u32(30)));
  const quadrant = k.add(k.shr(top, k.u32(30)), k.shr(fraction, k.u32(31)));
  const coarse = k.mul(k.cast("f32", k.bitcast("i32", fraction)), k.f32(2 ** -32));
  const fine = k.mul(k.cast("f32", k.bitcast("i32", k.shr(k.shl(second, k.u32(2)), k.u32(8)))), k.f32(2 ** -56));
  return { rest: k.mul(k.add(coarse, fine), k.f32(Math.PI / 2)), quadrant: k.bitcast("i32", quadrant) };
}
