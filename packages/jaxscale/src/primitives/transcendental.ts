/** Exponentials, logarithms, roots, trigonometric and hyperbolic functions, of floats. */
import { type DType, isFloat, isInteger } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { roundTo } from "../base/rounding.ts";
import { intToFloat } from "../kernel/float.ts";
import * as math from "../kernel/math.ts";
import { roundToDtype } from "../kernel/rounding.ts";
import { defineBinary, defineFunction, defineNary, defineUnary, formatAvals, stretchTo } from "./define-elementwise.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";

export const exp = defineFunction("exp", Math.exp, math.exp, ({ mul }, _, [dx], y) => mul(dx, y));
export const exp2 = defineFunction(
  "exp2",
  (x) => 2 ** x,
  math.exp2,
  ({ mul, log, literal }, [x], [dx], y) => mul(log(literal(2, x.aval.dtype)), mul(dx, y)),
);
export const expm1 = defineFunction("expm1", Math.expm1, math.expm1, ({ mul, add }, _, [dx], y) => mul(dx, add(y, 1)));
export const log = defineFunction("log", Math.log, math.log, ({ div }, [x], [dx]) => div(dx, x));
export const log1p = defineFunction("log1p", Math.log1p, math.log1p, ({ div, add }, [x], [dx]) => div(dx, add(x, 1)));

/** 1 / (1 + exp(-x)). Of narrow floats every step is rounded, as in JAX, whose result can lie two steps from the exact one. */
export const logistic = defineUnary("logistic", {
  accepts: isFloat,
  transcendental: true,
  jvp: ({ mul, sub }, _, [dx], y) => mul(dx, mul(y, sub(1, y))),
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

export const sqrt = defineFunction("sqrt", Math.sqrt, math.sqrt, ({ mul, div }, _, [dx], y) => mul(dx, div(0.5, y)));
export const rsqrt = defineFunction(
  "rsqrt",
  (x) => 1 / Math.sqrt(x),
  math.rsqrt,
  ({ mul, div }, [x], [dx], y) => mul(dx, mul(-0.5, div(y, x))),
);
export const cbrt = defineFunction("cbrt", Math.cbrt, math.cbrt, ({ mul, integerPow }, _, [dx], y) =>
  mul(dx, mul(1 / 3, integerPow(y, -2))),
);

export const sin = defineFunction("sin", Math.sin, math.sin, ({ mul, cos }, [x], [dx]) => mul(dx, cos(x)));
export const cos = defineFunction("cos", Math.cos, math.cos, ({ mul, neg, sin }, [x], [dx]) => neg(mul(dx, sin(x))));
export const tan = defineFunction("tan", Math.tan, math.tan, ({ mul, add, square }, _, [dx], y) =>
  mul(dx, add(1, square(y))),
);
export const asin = defineFunction("asin", Math.asin, math.asin, ({ mul, rsqrt, sub, square }, [x], [dx]) =>
  mul(dx, rsqrt(sub(1, square(x)))),
);
export const acos = defineFunction("acos", Math.acos, math.acos, ({ mul, neg, rsqrt, sub, square }, [x], [dx]) =>
  mul(dx, neg(rsqrt(sub(1, square(x))))),
);
export const atan = defineFunction("atan", Math.atan, math.atan, ({ div, add, square }, [x], [dx]) =>
  div(dx, add(1, square(x))),
);

export const sinh = defineFunction("sinh", Math.sinh, math.sinh, ({ mul, cosh }, [x], [dx]) => mul(dx, cosh(x)));
export const cosh = defineFunction("cosh", Math.cosh, math.cosh, ({ mul, sinh }, [x], [dx]) => mul(dx, sinh(x)));
export const tanh = defineFunction("tanh", Math.tanh, math.tanh, ({ mul, add, sub }, _, [dx], y) =>
  mul(add(dx, mul(dx, y)), sub(1, y)),
);
export const asinh = defineFunction("asinh", Math.asinh, math.asinh, ({ mul, rsqrt, add, square }, [x], [dx]) =>
  mul(dx, rsqrt(add(square(x), 1))),
);
export const acosh = defineFunction("acosh", Math.acosh, math.acosh, ({ mul, rsqrt, sub, square }, [x], [dx]) =>
  mul(dx, rsqrt(sub(square(x), 1))),
);
export const atanh = defineFunction("atanh", Math.atanh, math.atanh, ({ mul, div, add, sub, integerPow }, [x], [dx]) =>
  mul(integerPow(add(1, x), -1), div(dx, sub(1, x))),
);

/** The angle of the point (y, x), in (-π, π]. Operands: y, x. */
export const atan2 = defineBinary("atan2", {
  accepts: isFloat,
  transcendental: true,
  jvp: ({ mul, div, neg, add, square }, [y, x], [dy, dx]) => [
    dy && mul(dy, div(x, add(square(y), square(x)))),
    dx && mul(dx, div(neg(y), add(square(y), square(x)))),
  ],
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
  jvp: (ops, [x, y], [dx, dy], z) => [dx && ops.mul(dx, slopeInBase(ops, x, y)), dy && slopeInExponent(ops, x, z, dy)],
  reference: ([x, given], { dtype }) => {
    const y = roundTo(dtype, given);
    // JavaScript's ** gives NaN where IEEE 754 has 1.
    return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
  },
  kernel: (k, [x, y], { dtype }) => math.pow(k, x, y.type === "f32" ? y : roundToDtype(k, dtype, intToFloat(k, y))),
});

const isExponentOf = (base: DType, exponent: DType): boolean => exponent === base || isInteger(exponent);

/** y · x^(y - 1); for integer y, which may be 0 where x is, without a NaN there. */
function slopeInBase(ops: OpBuilder, x: Operand, y: Operand): Operand {
  const { mul, sub, pow, eq, select, fullLike, convert } = ops;
  if (!isInteger(y.aval.dtype)) return mul(y, pow(x, sub(y, fullLike(y, 1))));
  const shape = x.aval.shape.length === 0 ? y.aval.shape : x.aval.shape;
  const [base, exponent] = [stretchTo(ops, x, shape), stretchTo(ops, convert(y, x.aval.dtype), shape)];
  const slope = mul(nonzero(ops, exponent), pow(base, sub(exponent, fullLike(exponent, 1))));
  return select(eq(exponent, 0), fullLike(exponent, 0), slope);
}

const slopeInExponent = (ops: OpBuilder, x: Operand, z: Operand, dy: Operand): Operand =>
  ops.mul(dy, ops.mul(ops.log(nonzero(ops, x)), z));

/** x with 1 for 0. */
const nonzero = ({ select, eq, fullLike }: OpBuilder, x: Operand): Operand => select(eq(x, 0), fullLike(x, 1), x);
