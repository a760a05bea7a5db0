/** The exact remainder of a float division. */
import type { KernelBuilder } from "./builder.ts";
import { copySign, isFinite } from "./float.ts";
import type { Value } from "./ir.ts";
import { mapLanes } from "./polynomial.ts";

// A quotient of a step has at most 11 bits, so its products with 12-bit halves of the divisor are exact.
const stepBits = 10;

/** `x - y·trunc(x / y)`, exact, with x's sign. NaN for x infinite, y zero (or denormal) or either NaN; x for y infinite. */
export const floatRem = (k: KernelBuilder, x: Value, y: Value): Value =>
  mapLanes(k, [x, y], (a, b) => scalarRem(k, a, b));

function scalarRem(k: KernelBuilder, x: Value, y: Value): Value {
  const divisor = k.abs(y);
  const isProper = k.and(isFinite(k, x), k.and(isFinite(k, y), k.ge(divisor, k.f32(2 ** -126))));
  const rest = k.variable(k.select(isProper, k.abs(x), k.f32(0)), "rest");
  k.while(
    () => k.ge(k.get(rest), divisor),
    () => {
      const a = k.get(rest);
      // The divisor times a power of two, up to 2^10 below what is left.
      const distance = k.sub(exponentOf(k, a), exponentOf(k, divisor));
      const lift = k.max(k.sub(distance, k.i32(stepBits)), k.i32(0));
      const scaled = k.bitcast("f32", k.add(k.bitcast("i32", divisor), k.shl(lift, k.u32(23))));
      const high = k.bitcast("f32", k.and(k.bitcast("u32", scaled), k.u32(0xfffff000)));
      const low = k.sub(scaled, high);
      const quotient = k.trunc(k.div(a, scaled));
      const left = k.sub(k.sub(a, k.mul(quotient, high)), k.mul(quotient, low));
      // The rounded quotient may be one too large.
      k.set(rest, k.select(k.lt(left, k.f32(0)), k.add(left, scaled), left));
    },
  );
  const result = copySign(k, k.get(rest), x);
  const unchanged = k.and(isFinite(k, x), k.eq(divisor, k.f32(Infinity)));
  return k.select(isProper, result, k.select(unchanged, x, k.f32(Number.NaN)));
}

const exponentOf = (k: KernelBuilder, x: Value): Value => k.shr(k.bitcast("i32", x), k.u32(23));
