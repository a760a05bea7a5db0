/**
 * The functions that primitives lower to: f32 in, f32 out, within 3e-5 of the true value, right at infinities, NaN and
 * signed zeros on every driver. Denormals may be flushed.
 */
export { cbrt, exp, exp2, expm1, log, log1p, log2, log10, logistic, pow, rsqrt, sqrt } from "./exponential.ts";
export { acosh, asinh, atanh, cosh, sinh, tanh } from "./hyperbolic.ts";
export { floatRem } from "./remainder.ts";
export { digamma, erf, erfc, erfInv, lgamma } from "./special.ts";
export { acos, asin, atan, atan2, cos, sin, tan } from "./trigonometry.ts";
