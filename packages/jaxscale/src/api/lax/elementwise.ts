/** Elementwise operations without promotion: operands have one dtype, and one rank unless they are scalars; axes of size 1 stretch. */
import { treeMap } from "../../base/pytree.ts";
import type { Params } from "../../jaxpr/ir.ts";
import * as arithmetic from "../../primitives/arithmetic.ts";
import * as bitwise from "../../primitives/bitwise.ts";
import * as compare from "../../primitives/compare.ts";
import * as division from "../../primitives/division.ts";
import * as format from "../../primitives/float-format.ts";
import * as identity from "../../primitives/identity.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import * as rounding from "../../primitives/rounding.ts";
import * as special from "../../primitives/special-functions.ts";
import * as transcendental from "../../primitives/transcendental.ts";
import type { Array, ArrayLike, BoolArray } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf, required, wholeOf } from "../arguments.ts";

/** @throws DTypeError for an unsupported dtype */
type Unary = (x: ArrayLike) => Array;
/** @throws DTypeError unless the dtypes are equal and supported; ShapeError unless the shapes agree */
type Binary = (x: ArrayLike, y: ArrayLike) => Array;
type BinaryTest = (x: ArrayLike, y: ArrayLike) => BoolArray;

const unary =
  (primitive: PrimitiveRules): Unary =>
  (x) =>
    bind1(primitive, [asArray(primitive.name, x)], {});
const binary =
  (primitive: PrimitiveRules): Binary =>
  (x, y) =>
    bind1(primitive, [asArray(primitive.name, x), asArray(primitive.name, y)], {});
const unaryWith = <P extends Params>(primitive: PrimitiveRules<P>, x: ArrayLike, params: P): Array =>
  bind1(primitive, [asArray(primitive.name, x)], params);

// ---- arithmetic ---------------------------------------------------------------

/** x + y of numbers; integers wrap. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.add.html */
export const add = binary(arithmetic.add);
/** x - y of numbers; integers wrap. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sub.html */
export const sub = binary(arithmetic.sub);
/** x · y of numbers; integers wrap. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.mul.html */
export const mul = binary(arithmetic.mul);
/** x / y; of integers truncated toward zero, and all ones by zero. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.div.html */
export const div = binary(division.div);
/** Remainder with the sign of x; x by integer zero. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.rem.html */
export const rem = binary(division.rem);
/** The elementwise maximum; NaN if either is NaN; of bools: or. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.max.html */
export const max = binary(arithmetic.max);
/** The elementwise minimum; NaN if either is NaN; of bools: and. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.min.html */
export const min = binary(arithmetic.min);
/** -x of numbers. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.neg.html */
export const neg = unary(arithmetic.neg);
/** |x| of floats and signed integers. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.abs.html */
export const abs = unary(arithmetic.abs);
/** -1, 0 or 1; NaN stays. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sign.html */
export const sign = unary(arithmetic.sign);
/** x² of numbers. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.square.html */
export const square = unary(arithmetic.square);
/** xʸ for a static integer y, by repeated multiplication. @throws DTypeError for a negative power of integers @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.integer_pow.html */
export const integerPow = (x: ArrayLike, y: number): Array =>
  unaryWith(arithmetic.integerPow, x, { y: wholeOf("integer_pow", "y", y) });
/** 1 / x of floats. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reciprocal.html */
export const reciprocal = (x: ArrayLike): Array => integerPow(x, -1);
/** xʸ of floats x; y of x's dtype or an integer. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pow.html */
export const pow = binary(transcendental.pow);

// ---- functions of floats --------------------------------------------------------

/** eˣ. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.exp.html */
export const exp = unary(transcendental.exp);
/** 2ˣ. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.exp2.html */
export const exp2 = unary(transcendental.exp2);
/** exp(x) - 1, accurate near 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.expm1.html */
export const expm1 = unary(transcendental.expm1);
/** Natural logarithm. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.log.html */
export const log = unary(transcendental.log);
/** log(1 + x), accurate near 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.log1p.html */
export const log1p = unary(transcendental.log1p);
/** 1 / (1 + exp(-x)). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.logistic.html */
export const logistic = unary(transcendental.logistic);
/** √x; NaN below 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sqrt.html */
export const sqrt = unary(transcendental.sqrt);
/** 1 / √x. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.rsqrt.html */
export const rsqrt = unary(transcendental.rsqrt);
/** Cube root. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cbrt.html */
export const cbrt = unary(transcendental.cbrt);
/** The sine of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sin.html */
export const sin = unary(transcendental.sin);
/** The cosine of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cos.html */
export const cos = unary(transcendental.cos);
/** The tangent of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.tan.html */
export const tan = unary(transcendental.tan);
/**
 * The angle in [-π/2, π/2] whose sine is x; NaN outside [-1, 1].
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.asin.html
 */
export const asin = unary(transcendental.asin);
/**
 * The angle in [0, π] whose cosine is x; NaN outside [-1, 1].
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.acos.html
 */
export const acos = unary(transcendental.acos);
/** The angle in (-π/2, π/2) whose tangent is x. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.atan.html */
export const atan = unary(transcendental.atan);
/** The angle of the point (y, x), in [-π, π]. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.atan2.html */
export const atan2: (y: ArrayLike, x: ArrayLike) => Array = binary(transcendental.atan2);
/** The hyperbolic sine. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sinh.html */
export const sinh = unary(transcendental.sinh);
/** The hyperbolic cosine. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cosh.html */
export const cosh = unary(transcendental.cosh);
/** The hyperbolic tangent. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.tanh.html */
export const tanh = unary(transcendental.tanh);
/** The inverse of sinh. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.asinh.html */
export const asinh = unary(transcendental.asinh);
/** The inverse of cosh; NaN below 1. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.acosh.html */
export const acosh = unary(transcendental.acosh);
/** The inverse of tanh; ±Inf at ±1, NaN beyond. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.atanh.html */
export const atanh = unary(transcendental.atanh);
/** Error function. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.erf.html */
export const erf = unary(special.erf);
/** 1 - erf(x). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.erfc.html */
export const erfc = unary(special.erfc);
/** Inverse of erf. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.erf_inv.html */
export const erfInv = unary(special.erfInv);
/** log |Γ(x)|. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.lgamma.html */
export const lgamma = unary(special.lgamma);
/** Γ'(x) / Γ(x). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.digamma.html */
export const digamma = unary(special.digamma);

// ---- rounding and format ----------------------------------------------------------

/** The largest whole number that is not above x. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.floor.html */
export const floor = unary(rounding.floor);
/** The smallest whole number that is not below x. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ceil.html */
export const ceil = unary(rounding.ceil);

/** How `lax.round` treats halves. */
export const RoundingMethod = { awayFromZero: 0, toNearestEven: 1 } as const;
/** To the nearest whole number; halves away from zero unless `roundingMethod` is 1 (to even). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.round.html */
export const round = (x: ArrayLike, options?: { readonly roundingMethod?: 0 | 1 }): Array =>
  unaryWith(rounding.round, x, optionsOf("round", options, { roundingMethod: RoundingMethod.awayFromZero }));
/** False for NaN and infinities. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.is_finite.html */
export const isFinite: (x: ArrayLike) => BoolArray = unary(format.finite);
/** The dtype's next value after x toward y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.nextafter.html */
export const nextafter = binary(format.nextafter);
/** x rounded to a float format of so many bits. @throws ShapeError for impossible counts @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reduce_precision.html */
export const reducePrecision = (
  x: ArrayLike,
  options: { readonly exponentBits: number; readonly mantissaBits: number },
): Array =>
  unaryWith(
    format.reducePrecision,
    x,
    bitCounts(optionsOf("reduce_precision", options, { exponentBits: required, mantissaBits: required })),
  );
const bitCounts = (counts: { readonly exponentBits: number; readonly mantissaBits: number }): typeof counts => ({
  exponentBits: wholeOf("reduce_precision", "exponentBits", counts.exponentBits),
  mantissaBits: wholeOf("reduce_precision", "mantissaBits", counts.mantissaBits),
});

// ---- comparisons, to bool -----------------------------------------------------------

/** x = y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.eq.html */
export const eq: BinaryTest = binary(compare.eq);
/** x ≠ y; true for NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ne.html */
export const ne: BinaryTest = binary(compare.ne);
/** x < y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.lt.html */
export const lt: BinaryTest = binary(compare.lt);
/** x ≤ y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.le.html */
export const le: BinaryTest = binary(compare.le);
/** x > y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.gt.html */
export const gt: BinaryTest = binary(compare.gt);
/** x ≥ y. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ge.html */
export const ge: BinaryTest = binary(compare.ge);

// ---- bits of integers, and bools -------------------------------------------------------

/** x & y of integers; of bools: and. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.bitwise_and.html */
export const bitwiseAnd = binary(bitwise.and);
/** x | y of integers; of bools: or. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.bitwise_or.html */
export const bitwiseOr = binary(bitwise.or);
/** x ^ y of integers; of bools: exclusive or. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.bitwise_xor.html */
export const bitwiseXor = binary(bitwise.xor);
/** ~x of integers; of bools: not. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.bitwise_not.html */
export const bitwiseNot = unary(bitwise.not);
/** x shifted left by y bits; 0 for counts of the width or more. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.shift_left.html */
export const shiftLeft = binary(bitwise.shiftLeft);
/** x shifted right by y bits, filled with zeros. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.shift_right_logical.html */
export const shiftRightLogical = binary(bitwise.shiftRightLogical);
/** The top bit comes in. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.shift_right_arithmetic.html */
export const shiftRightArithmetic = binary(bitwise.shiftRightArithmetic);
/** Bits that are one. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.population_count.html */
export const populationCount = unary(bitwise.populationCount);
/** Leading zero bits. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.clz.html */
export const clz = unary(bitwise.clz);

/** An array or a tree of them, as constants to differentiation. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.stop_gradient.html */
export const stopGradient = <T>(tree: T): T extends number | boolean ? Array : T =>
  treeMap((x: ArrayLike) => bind1(identity.stopGradient, [asArray("stop_gradient", x)], {}), tree);
