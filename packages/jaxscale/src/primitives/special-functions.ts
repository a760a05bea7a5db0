/** The error function and its kin, and the gamma function's logarithm and its derivative, of floats. */
import * as reference from "../base/special-functions.ts";
import * as math from "../kernel/math.ts";
import { defineFunction } from "./define-elementwise.ts";

export const erf = defineFunction("erf", reference.erf, math.erf);
/** 1 - erf(x), accurate where that is small. */
export const erfc = defineFunction("erfc", reference.erfc, math.erfc);
/** Inverse of erf; NaN outside [-1, 1]. */
export const erfInv = defineFunction("erf_inv", reference.erfInv, math.erfInv);
/** log |Γ(x)|; infinite at 0 and the negative integers. */
export const lgamma = defineFunction("lgamma", reference.lgamma, math.lgamma);
/** Γ'(x) / Γ(x); NaN at 0 and the negative integers. */
export const digamma = defineFunction("digamma", reference.digamma, math.digamma);
