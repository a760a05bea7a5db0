/** Elementwise functions of numbers, with NumPy's promotion and broadcasting. */
import { isBool, isFloat, isSigned, kindOf } from "../../base/dtypes.ts";
import type { Array, ArrayLike, NumberArray } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { innerJit } from "../inner-jit.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { where } from "./logic.ts";
import { constant, promoteArgs, promoteArgsInexact, promoteArgsNumeric } from "./promotion.ts";

/** @throws DTypeError for a dtype that the function does not take */
type Unary = (x: ArrayLike) => Array;
/** @throws DTypeError, ShapeError unless the operands promote and broadcast */
type Binary = (x: ArrayLike, y: ArrayLike) => Array;
type Promote = (op: string, ...xs: readonly ArrayLike[]) => Array[];

const unary =
  (promote: Promote, op: string, f: Unary): Unary =>
  (x) =>
    f(promote(op, x)[0]);
const binary =
  (promote: Promote, op: string, f: Binary): Binary =>
  (x, y) => {
    const [a, b] = promote(op, x, y);
    return f(a, b);
  };

// ---- arithmetic --------------------------------------------------------------------

/** x + y; of bools: or. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.add.html */
export const add = binary(promoteArgs, "add", (x, y) => (isBoolean(x) ? lax.bitwiseOr : lax.add)(x, y));
/** x - y; not of bools. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.subtract.html */
export const subtract = binary(promoteArgs, "subtract", lax.sub);
/** x · y; of bools: and. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.multiply.html */
export const multiply = binary(promoteArgs, "multiply", (x, y) => (isBoolean(x) ? lax.bitwiseAnd : lax.mul)(x, y));
/** x / y as floats: of ints and bools float32. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.true_divide.html */
export const trueDivide: (x: ArrayLike, y: ArrayLike) => NumberArray = binary(
  promoteArgsInexact,
  "true_divide",
  lax.div,
);
/** Another name of `trueDivide`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.divide.html */
export const divide = trueDivide;
const isBoolean = (x: ArrayLike): boolean => isBool(asArray("add", x).dtype);

/** The elementwise maximum; NaN if either is NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.maximum.html */
export const maximum = binary(promoteArgs, "maximum", lax.max);
/** The elementwise minimum; NaN if either is NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.minimum.html */
export const minimum = binary(promoteArgs, "minimum", lax.min);

const unlessNaN = (name: string, better: Binary): Binary => {
  const choose = innerJit(name, (x: Array, y: Array) => {
    const [a, b] = promoteArgs(name, x, y);
    const wins = better(a, b);
    const yIsNaN = lax.ne(y, y);
    return where(lax.bitwiseOr(...(promoteArgs(name, wins, yIsNaN) as [Array, Array])), x, y);
  });
  return (x, y) => choose(asArray(name, x), asArray(name, y));
};
/** The elementwise maximum, ignoring NaN: if one element is NaN, the other. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.fmax.html */
export const fmax = unlessNaN("fmax", lax.gt);
/** The elementwise minimum, ignoring NaN: if one element is NaN, the other. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.fmin.html */
export const fmin = unlessNaN("fmin", lax.lt);

/** x itself. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.positive.html */
export const positive: Unary = (x) => asArray("positive", x);
/** -x; not of bools. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.negative.html */
export const negative: (x: ArrayLike) => NumberArray = unary(promoteArgs, "negative", lax.neg);
/** |x|; unsigned integers and bools stay. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.abs.html */
export const abs: Unary = (x) => {
  const operand = asArray("abs", x);
  return isSigned(operand.dtype) ? lax.abs(operand) : operand;
};
/** Another name of `abs`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.absolute.html */
export const absolute = abs;
/** |x| as a float. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.fabs.html */
export const fabs = unary(promoteArgsInexact, "fabs", lax.abs);
/** -1, 0 or 1; NaN stays; not of bools. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sign.html */
export const sign = unary(promoteArgs, "sign", lax.sign);
/** x². @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.square.html */
export const square = unary(promoteArgsNumeric, "square", lax.square);
/** 1 / x as floats. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.reciprocal.html */
export const reciprocal = unary(promoteArgsInexact, "reciprocal", lax.reciprocal);

// ---- functions of floats: ints and bools become float32 --------------------------------

const inexact = (op: string, f: Unary): Unary => unary(promoteArgsInexact, op, f);

/** eˣ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.exp.html */
export const exp = inexact("exp", lax.exp);
/** 2ˣ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.exp2.html */
export const exp2 = inexact("exp2", lax.exp2);
/** exp(x) - 1. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.expm1.html */
export const expm1 = inexact("expm1", lax.expm1);
/** Natural logarithm. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.log.html */
export const log = inexact("log", lax.log);
/** log(1 + x). @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.log1p.html */
export const log1p = inexact("log1p", lax.log1p);
/** Logarithm to base 2. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.log2.html */
export const log2 = scaled("log2", (x) => lax.div(lax.log(x), lax.log(constant(x, 2))));
/** Logarithm to base 10. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.log10.html */
export const log10 = scaled("log10", (x) => lax.mul(lax.log(x), constant(x, Math.LOG10E)));
/** √x; NaN below 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sqrt.html */
export const sqrt = inexact("sqrt", lax.sqrt);
/** Cube root. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.cbrt.html */
export const cbrt = inexact("cbrt", lax.cbrt);

function scaled(op: string, f: (x: Array) => Array): Unary {
  return (x) => f(promoteArgsInexact(op, x)[0]);
}

// ---- rounding ------------------------------------------------------------------------------

const floatsOnly =
  (op: string, f: Unary): Unary =>
  (x) => {
    const operand = asArray(op, x);
    return isFloat(operand.dtype) ? f(operand) : operand;
  };
/** The largest whole number that is not above x; ints stay ints. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.floor.html */
export const floor = floatsOnly("floor", lax.floor);
/** The smallest whole number that is not below x; ints stay ints. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ceil.html */
export const ceil = floatsOnly("ceil", lax.ceil);

const cutFraction = innerJit("trunc", (x: Array) =>
  isFloat(x.dtype) ? where(lax.lt(x, constant(x, 0)), lax.ceil(x), lax.floor(x)) : x,
);
/** Toward zero; ints stay ints. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.trunc.html */
export const trunc: Unary = (x) => cutFraction(asArray("trunc", x));

const toNearest = innerJit("rint", (x: Array) =>
  isFloat(x.dtype) ? lax.round(x, { roundingMethod: 1 }) : convertTo(x, "float32", false),
);
/** To the nearest whole number, halves to even; of ints float32. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.rint.html */
export const rint: Unary = (x) => toNearest(asArray("rint", x));

// ---- bits -------------------------------------------------------------------------------------

/**
 * x & y of integers; of bools: and.
 * @throws DTypeError for floats
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_and.html
 */
export const bitwiseAnd = binary(promoteArgs, "bitwise_and", lax.bitwiseAnd);
/**
 * x | y of integers; of bools: or.
 * @throws DTypeError for floats
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_or.html
 */
export const bitwiseOr = binary(promoteArgs, "bitwise_or", lax.bitwiseOr);
/**
 * x ^ y of integers; of bools: exclusive or.
 * @throws DTypeError for floats
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_xor.html
 */
export const bitwiseXor = binary(promoteArgs, "bitwise_xor", lax.bitwiseXor);
/**
 * ~x of integers; of bools: not.
 * @throws DTypeError for floats
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_not.html
 */
export const bitwiseNot = unary(promoteArgs, "bitwise_not", lax.bitwiseNot);
/** Another name of `bitwiseNot`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.invert.html */
export const invert = bitwiseNot;
/** x shifted left by y bits. @throws DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.left_shift.html */
export const leftShift = binary(promoteArgsNumeric, "left_shift", lax.shiftLeft);
/** x shifted right by y bits: logical for unsigned integers, arithmetic for signed ones. @throws DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.right_shift.html */
export const rightShift = binary(promoteArgsNumeric, "right_shift", (x, y) =>
  (kindOf(asArray("right_shift", x).dtype) === "unsigned" ? lax.shiftRightLogical : lax.shiftRightArithmetic)(x, y),
);
/** Another name of `leftShift`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_left_shift.html */
export const bitwiseLeftShift = leftShift;
/** Another name of `rightShift`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_right_shift.html */
export const bitwiseRightShift = rightShift;
const countBits = innerJit("bitwise_count", (x: Array) => {
  const [operand] = promoteArgsNumeric("bitwise_count", x);
  return convertTo(lax.populationCount(abs(operand)), "uint8", false);
});
/** Bits of |x| that are one, as uint8. @throws DTypeError for floats @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bitwise_count.html */
export const bitwiseCount: Unary = (x) => countBits(asArray("bitwise_count", x));
