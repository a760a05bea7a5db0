/** Rounding floats to whole numbers. The sign of the operand stays, also on zero. */
import { isFloat } from "../base/dtypes.ts";
import { copySign } from "../kernel/float.ts";
import { defineUnary, noTangent } from "./define-elementwise.ts";

export const floor = defineUnary("floor", {
  accepts: isFloat,
  exact: true,
  jvp: noTangent,
  reference: (x) => Math.floor(x),
  kernel: (k, x) => k.floor(x),
});

export const ceil = defineUnary("ceil", {
  accepts: isFloat,
  exact: true,
  jvp: noTangent,
  reference: (x) => Math.ceil(x),
  kernel: (k, x) => k.ceil(x),
});

/** 0: halves away from zero; 1: halves to even. */
export type RoundParams = { readonly roundingMethod: 0 | 1 };

export const round = defineUnary<RoundParams>("round", {
  accepts: isFloat,
  exact: true,
  printParams: ({ roundingMethod }) => ({
    rounding_method: String(roundingMethod),
  }),
  jvp: noTangent,
  reference: (x, { params }) => {
    const size = Math.abs(x);
    const whole = Math.floor(size);
    const up = size - whole > 0.5 || (size - whole === 0.5 && (params.roundingMethod === 0 || whole % 2 === 1));
    return (x < 0 || Object.is(x, -0) ? -1 : 1) * (up ? whole + 1 : whole);
  },
  kernel: (k, x, { params }) => {
    if (params.roundingMethod === 1) return k.roundEven(x);
    const size = k.abs(x);
    const whole = k.floor(size);
    const up = k.ge(k.sub(size, whole), k.f32(0.5));
    return copySign(k, k.select(up, k.add(whole, k.f32(1)), whole), x);
  },
});
