/** Remainders. */
import { isFloat, isNumber } from "../base/dtypes.ts";
import { floatRem } from "../kernel/math.ts";
import { defineBinary } from "./define-elementwise.ts";
import { unlessZero } from "./division.ts";

/** Remainder with the dividend's sign; of integers by 0, the dividend. */
export const rem = defineBinary("rem", {
  accepts: isNumber,
  exact: true,
  reference: (x, y, { dtype }) => (!isFloat(dtype) && y === 0 ? x : x % y),
  kernel: (k, x, y) => (x.type === "f32" ? floatRem(k, x, y) : unlessZero(k, y, (divisor) => k.rem(x, divisor), x)),
});
