/** Quotients and remainders. Of integers they follow JAX where the mathematics is silent. */
import { isFloat, isNumber } from "../base/dtypes.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";
import { floatRem } from "../kernel/math.ts";
import { constantLike, defineBinary, stretchTo } from "./define-elementwise.ts";

/** Integers truncate toward zero; `x / 0` is -1 (all ones), `INT_MIN / -1` is INT_MIN. */
export const div = defineBinary("div", {
  accepts: isNumber,
  jvp: ({ div, mul, neg, integerPow }, [x, y], [dx, dy]) => [
    dx && div(dx, y),
    dy && mul(mul(neg(dy), x), integerPow(y, -2)),
  ],
  // Linear in the dividend only.
  transpose: ({ div, unbroadcast }, [ct], [, y], { inputs }) => [ct && y && unbroadcast(div(ct, y), inputs[0]), null],
  reference: (x, y, { dtype }) => (isFloat(dtype) ? x / y : y === 0 ? -1 : Math.trunc(x / y)),
  kernel: (k, x, y) =>
    x.type === "f32" ? k.div(x, y) : unlessZero(k, y, (divisor) => k.div(x, divisor), constantLike(k, x, -1)),
});

/** `of(y)`, or `otherwise` where the integer y is 0. */
function unlessZero(k: KernelBuilder, y: Value, of: (divisor: Value) => Value, otherwise: Value): Value {
  const isZero = k.eq(y, constantLike(k, y, 0));
  return k.select(isZero, otherwise, of(k.select(isZero, constantLike(k, y, 1), y)));
}

/** Remainder with the dividend's sign; of integers by 0, the dividend. */
export const rem = defineBinary("rem", {
  accepts: isNumber,
  exact: true,
  jvp: (ops, [x, y], [dx, dy], { aval: { shape } }) => {
    const { mul, neg, sign, div, floor, abs } = ops;
    return [dx && stretchTo(ops, dx, shape), dy && mul(neg(dy), mul(sign(div(x, y)), floor(abs(div(x, y)))))];
  },
  reference: (x, y, { dtype }) => (!isFloat(dtype) && y === 0 ? x : x % y),
  kernel: (k, x, y) => (x.type === "f32" ? floatRem(k, x, y) : unlessZero(k, y, (divisor) => k.rem(x, divisor), x)),
});
