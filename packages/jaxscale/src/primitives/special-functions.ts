/** The error function and its kin, and the gamma function's logarithm and its derivative, of floats. */
import * as reference from "../base/special-functions.ts";
import * as math from "../kernel/math.ts";
import { defineFunction } from "./define-elementwise.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";

export const erf = defineFunction("erf", reference.erf, math.erf, ({ mul, exp, neg, square }, [x], [dx]) =>
  mul(2 / Math.sqrt(Math.PI), mul(dx, exp(neg(square(x))))),
);
/** 1 - erf(x), accurate where that is small. */
export const erfc = defineFunction("erfc", reference.erfc, math.erfc, ({ mul, exp, neg, square }, [x], [dx]) =>
  mul(-2 / Math.sqrt(Math.PI), mul(dx, exp(neg(square(x))))),
);
/** Inverse of erf; NaN outside [-1, 1]. */
export const erfInv = defineFunction("erf_inv", reference.erfInv, math.erfInv, ({ mul, exp, square }, _, [dx], y) =>
  mul(Math.sqrt(Math.PI) / 2, mul(dx, exp(square(y)))),
);
/** log |Γ(x)|; infinite at 0 and the negative integers. */
export const lgamma = defineFunction("lgamma", reference.lgamma, math.lgamma, ({ mul, bind1 }, [x], [dx]) =>
  mul(dx, bind1("digamma", [x])),
);
/** Γ'(x) / Γ(x); NaN at 0 and the negative integers. */
export const digamma = defineFunction("digamma", reference.digamma, math.digamma, (ops, [x], [dx]) =>
  ops.mul(dx, trigamma(ops, x)),
);

/** Derivative of digamma, Σ 1/(x + n)²: by reflection below 1/2, shifted up by recurrence to where its asymptotic series holds. */
function trigamma({ add, sub, mul, div, integerPow, select, lt, square, bind1 }: OpBuilder, x: Operand): Operand {
  const reflects = lt(x, 0.5);
  const positive = select(reflects, sub(1, x), x);
  const steps = [0, 1, 2, 3, 4, 5].map((n) => integerPow(add(positive, n), -2));
  const t = div(1, add(positive, 6));
  const t2 = square(t);
  // t + t²/2 + t³/6 - t⁵/30 + t⁷/42
  const odd = mul(mul(t, t2), sub(1 / 6, mul(t2, sub(1 / 30, mul(t2, 1 / 42)))));
  const sum = [mul(t2, 0.5), odd, ...steps].reduce((total, term) => add(total, term), t);
  const sine = bind1("sin", [mul(Math.PI, x)]);
  return select(reflects, sub(div(Math.PI ** 2, square(sine)), sum), sum);
}
