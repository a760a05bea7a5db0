/** Remainders. */
import { isFloat, isNumber } from "../base/dtypes.ts";
import { floatRem } from "../kernel/math.ts";
import { defineBinary } from "./define-elementwise.ts";
import { unlessZero } from "./division.ts";
import { stretchTo } from "./elementwise-rules.ts";

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
