/** Exponentials, logarithms, roots, trigonometric and hyperbolic functions, of floats. */
import { type DType, isFloat, isInteger } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { roundTo } from "../base/rounding.ts";
import { intToFloat } from "../kernel/float.ts";
import * as math from "../kernel/math.ts";
import { roundToDtype } from "../kernel/rounding.ts";
import { defineBinary, defineFunction, defineNary, defineUnary, formatAvals } from "./define-elementwise.ts";

export const exp = defineFunction("exp", Math.exp, math.exp);
export const exp2 = defineFunction("exp2", (x) => 2 ** x, math.exp2);
export const expm1 = defineFunction("expm1", Math.expm1, math.expm1);
export const log = defineFunction("log", Math.log, math.log);
export const log1p = defineFunction("log1p", Math.log1p, math.log1p);

/** 1 / (1 + exp(-x)). Of narrow floats every step is rounded, as in JAX, whose result can lie two steps from the exact one. */
export const logistic = defineUnary("logistic", {
  accepts: isFloat,
  transcendental: true,
  reference: (x, { dtype }) => {
    if (dtype === "float32") return 1 / (1 + Math.exp(-x));
    return 1 / roundTo(dtype, 1 + roundTo(dtype, Math.exp(-x)));
  },
  kernel: (k, x, { dtype }) => {
    if (dtype === "float32") return math.logistic(k, x);
    const grown = roundToDtype(k, dtype, math.exp(k, k.neg(x)));
    return k.div(k.f32(1), roundToDtype(k, dtype, k.add(k.f32(1), grown)));
  },
});

export const sqrt = defineFunction("sqrt", Math.sqrt, math.sqrt);
export const rsqrt = defineFunction("rsqrt", (x) => 1 / Math.sqrt(x), math.rsqrt);
export const cbrt = defineFunction("cbrt", Math.cbrt, math.cbrt);

export const sin = defineFunction("sin", Math.sin, math.sin);
export const cos = defineFunction("cos", Math.cos, math.cos);
export const tan = defineFunction("tan", Math.tan, math.tan);
export const asin = defineFunction("asin", Math.asin, math.asin);
export const acos = defineFunction("acos", Math.acos, math.acos);
export const atan = defineFunction("atan", Math.atan, math.atan);

export const sinh = defineFunction("sinh", Math.sinh, math.sinh);
export const cosh = defineFunction("cosh", Math.cosh, math.cosh);
export const tanh = defineFunction("tanh", Math.tanh, math.tanh);
export const asinh = defineFunction("asinh", Math.asinh, math.asinh);
export const acosh = defineFunction("acosh", Math.acosh, math.acosh);
export const atanh = defineFunction("atanh", Math.atanh, math.atanh);

/** The angle of the point (y, x), in (-π, π]. Operands: y, x. */
export const atan2 = defineBinary("atan2", {
  accepts: isFloat,
  transcendental: true,
  reference: (y, x) => Math.atan2(y, x),
  kernel: math.atan2,
});

/** `x ** y` of floats; y may also be an integer. IEEE 754's: `1 ** NaN`, `(±1) ** ±inf` and `x ** 0` are 1. */
export const pow = defineNary("pow", {
  transcendental: true,
  resultType: (inputs) => {
    const [x, y] = inputs;
    if (!isFloat(x.dtype)) throw new DTypeError(`pow: the base must be a float; got ${formatAvals(inputs)}`);
    if (!isExponentOf(x.dtype, y.dtype))
      throw new DTypeError(`pow: the exponent must be an integer or have the base's dtype; got ${formatAvals(inputs)}`);
    return { dtype: x.dtype, weakType: x.weakType && y.weakType };
  },
  reference: ([x, given], { dtype }) => {
    const y = roundTo(dtype, given);
    // JavaScript's ** gives NaN where IEEE 754 has 1.
    return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
  },
  kernel: (k, [x, y], { dtype }) => math.pow(k, x, y.type === "f32" ? y : roundToDtype(k, dtype, intToFloat(k, y))),
});

const isExponentOf = (base: DType, exponent: DType): boolean => exponent === base || isInteger(exponent);
