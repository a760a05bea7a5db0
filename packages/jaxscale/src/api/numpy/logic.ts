/** Comparisons, logic, tests of floats, choices. */
import { bitsOf, integerLike, isBool, isFloat, isInteger } from "../../base/dtypes.ts";
import { sameShape, sizeOf } from "../../base/shapes.ts";
import type { Array, ArrayLike, BoolArray } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { innerJit } from "../inner-jit.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { broadcastArgs, constant, promoteArgs, promoteArgsInexact, promoteTypesOf, truth } from "./promotion.ts";
import { staticJit } from "./static-jit.ts";

type Binary = (x: ArrayLike, y: ArrayLike) => BoolArray;
type Unary = (x: ArrayLike) => BoolArray;

const comparing =
  (op: string, compare: Binary): Binary =>
  (x, y) => {
    const [a, b] = promoteArgs(op, x, y);
    return compare(a, b);
  };

/** x = y, of promoted operands. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.equal.html */
export const equal = comparing("equal", lax.eq);
/** x ≠ y; true for NaN. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.not_equal.html */
export const notEqual = comparing("not_equal", lax.ne);
/** x < y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.less.html */
export const less = comparing("less", lax.lt);
/** x ≤ y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.less_equal.html */
export const lessEqual = comparing("less_equal", lax.le);
/** x > y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.greater.html */
export const greater = comparing("greater", lax.gt);
/** x ≥ y. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.greater_equal.html */
export const greaterEqual = comparing("greater_equal", lax.ge);

const combining =
  (op: string, combine: Binary): Binary =>
  (x, y) => {
    const [a, b] = promoteArgs(op, x, y).map(truth);
    return combine(a, b);
  };
/** Whether both are true (numbers: not 0). @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logical_and.html */
export const logicalAnd = combining("logical_and", lax.bitwiseAnd);
/** Whether one is true. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logical_or.html */
export const logicalOr = combining("logical_or", lax.bitwiseOr);
/** Whether exactly one is true. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logical_xor.html */
export const logicalXor = combining("logical_xor", lax.bitwiseXor);
/** Whether it is false, or 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logical_not.html */
export const logicalNot: Unary = (x) => lax.bitwiseNot(truth(asArray("logical_not", x)));

// ---- tests of floats ------------------------------------------------------------

const never = (x: Array): Array => lax.full(x.shape, false);

/** True for NaN. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isnan.html */
export const isnan: Unary = (x) => {
  const operand = asArray("isnan", x);
  return lax.ne(operand, operand);
};
const isInfinite = innerJit("isinf", (x: Array) =>
  isFloat(x.dtype) ? lax.eq(lax.abs(x), constant(x, Infinity)) : never(x),
);
/** True for the infinities. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isinf.html */
export const isinf: Unary = (x) => isInfinite(asArray("isinf", x));
/** False for NaN and infinities. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isfinite.html */
export const isfinite: Unary = (x) => {
  const operand = asArray("isfinite", x);
  return isFloat(operand.dtype) ? lax.isFinite(operand) : lax.full(operand.shape, true);
};
const equalsInfinity =
  (op: string, infinity: number): Unary =>
  (x) => {
    const operand = asArray(op, x);
    return isFloat(operand.dtype) ? lax.eq(operand, constant(operand, infinity)) : never(operand);
  };
/** True for ∞. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isposinf.html */
export const isposinf = equalsInfinity("isposinf", Infinity);
/** True for -∞. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isneginf.html */
export const isneginf = equalsInfinity("isneginf", -Infinity);

const signBit = innerJit("signbit", (x: Array) => {
  if (isBool(x.dtype)) return never(x);
  if (isInteger(x.dtype)) return lax.lt(x, constant(x, 0));
  const integer = integerLike(x.dtype, "signed");
  const bits = lax.bitcastConvertType(x, integer);
  const shifted = lax.shiftRightArithmetic(bits, scalarOf(bitsOf(integer) - 1, integer));
  return convertTo(shifted, "bool", false);
});
/** Whether the sign is negative; true of -0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.signbit.html */
export const signbit: Unary = (x) => signBit(asArray("signbit", x));

// ---- choices ----------------------------------------------------------------------

const chooseWhere = innerJit("_where", (condition: Array, x: Array, y: Array) => {
  const which = truth(condition);
  const [onTrue, onFalse] = promoteTypesOf("where", x, y);
  const operands =
    which.ndim === 0
      ? [which, ...broadcastArgs("where", onTrue, onFalse)]
      : broadcastArgs("where", which, onTrue, onFalse);
  return sizeOf(operands[1].shape) === 0 ? operands[1] : lax.select(operands[0], operands[1], operands[2]);
});
/**
 * x where the condition holds (is not 0), else y, of one promoted dtype and all broadcast to one shape.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.where.html
 */
export const where = (condition: ArrayLike, x: ArrayLike, y: ArrayLike): Array =>
  chooseWhere(asArray("where", condition), asArray("where", x), asArray("where", y));

// ---- equality of whole arrays ---------------------------------------------------------

/** Whether the shapes and all elements are equal: a bool scalar. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.array_equal.html */
export function arrayEqual(x: ArrayLike, y: ArrayLike): BoolArray {
  const [a, b] = [asArray("array_equal", x), asArray("array_equal", y)];
  return sameShape(a.shape, b.shape) ? all(equal(a, b)) : asArray("array_equal", false);
}
const all = (x: Array): Array =>
  lax.reduceAnd(
    x,
    x.shape.map((_, axis) => axis),
  );

/** Options of `isclose` and `allclose`: |x - y| ≤ atol + rtol · |y|. */
export interface ClosenessOptions {
  /** Relative to |y|; 1e-5 if absent. */
  readonly rtol?: ArrayLike;
  /** 1e-8 if absent. */
  readonly atol?: ArrayLike;
  /** Whether NaN is close to NaN. */
  readonly equalNan?: boolean;
}
type Tolerance = "rtol" | "atol";
/** @param given names of the tolerances that are operands, in their order */
const closeness = staticJit(
  "isclose",
  (equalNan: boolean, given: readonly Tolerance[]) =>
    (x: Array, y: Array, ...tolerances: readonly Array[]) => {
      const [a, b] = promoteArgsInexact("isclose", ...promoteArgs("isclose", x, y));
      const toleranceOf = (name: Tolerance, otherwise: number): Array =>
        convertTo(tolerances[given.indexOf(name)] ?? scalarOf(otherwise, "float32", true), a.dtype, false);
      const [rtol, atol] = [toleranceOf("rtol", 1e-5), toleranceOf("atol", 1e-8)];
      const bothNan = logicalAnd(isnan(a), isnan(b));
      const finite = lax.isFinite(b);
      const within = lax.le(lax.abs(lax.sub(a, b)), lax.add(atol, lax.mul(rtol, lax.abs(b))));
      const close = logicalOr(lax.eq(a, b), logicalAnd(finite, within));
      return equalNan ? logicalOr(close, bothNan) : close;
    },
);
function givenTolerances(op: string, options: ClosenessOptions | undefined) {
  const { equalNan, ...tolerances } = optionsOf(op, options, { rtol: undefined, atol: undefined, equalNan: false });
  const given = (["atol", "rtol"] as const).filter((name) => tolerances[name] !== undefined);
  return { equalNan, given, values: given.map((name) => asArray(op, tolerances[name] as ArrayLike)) };
}
/** |x - y| ≤ atol + rtol · |y|, element by element. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.isclose.html */
export function isclose(x: ArrayLike, y: ArrayLike, options?: ClosenessOptions): BoolArray {
  const { equalNan, given, values } = givenTolerances("isclose", options);
  return closeness(equalNan, given)(asArray("isclose", x), asArray("isclose", y), ...values);
}

const closenessOfAll = staticJit(
  "allclose",
  (equalNan: boolean, given: readonly Tolerance[]) =>
    (x: Array, y: Array, ...tolerances: readonly Array[]) => {
      const valueOf = (name: Tolerance, otherwise: number): Array =>
        tolerances[given.indexOf(name)] ?? scalarOf(otherwise, "float32", true);
      return all(closeness(equalNan, ["rtol", "atol"])(x, y, valueOf("rtol", 1e-5), valueOf("atol", 1e-8)));
    },
);
/** Whether all elements are close: a bool scalar. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.allclose.html */
export function allclose(x: ArrayLike, y: ArrayLike, options?: ClosenessOptions): BoolArray {
  const { equalNan, given, values } = givenTolerances("allclose", options);
  return closenessOfAll(equalNan, given)(asArray("allclose", x), asArray("allclose", y), ...values);
}
