/** Whole quotients and remainders. */
import { isBool, isFloat, isInteger, kindOf } from "../../base/dtypes.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { innerJit } from "../inner-jit.ts";
import * as lax from "../lax/index.ts";
import { logicalAnd, where } from "./logic.ts";
import { constant, constantAsWeak, promoteArgsNumeric } from "./promotion.ts";

type Pair = readonly [Array, Array];

/** Quotient toward -∞ and remainder with y's sign, of floats. */
function divideFloats(x: Array, y: Array): Pair {
  const rest = lax.rem(x, y);
  // x / 0 must stay infinite, and x - NaN is not x.
  const whole = lax.div(where(lax.eq(y, constant(y, 0)), x, lax.sub(x, rest)), y);
  const crosses = lax.bitwiseAnd(lax.ne(rest, constant(rest, 0)), lax.ne(lax.sign(y), lax.sign(rest)));
  const modulus = lax.select(crosses, lax.add(rest, y), rest);
  const quotient = lax.select(crosses, lax.sub(whole, constantAsWeak(whole, 1)), whole);
  return [lax.round(quotient), modulus];
}

function divideSigned(x: Array, y: Array): Array {
  const quotient = lax.div(x, y);
  const crosses = logicalAnd(lax.ne(lax.sign(x), lax.sign(y)), lax.ne(lax.rem(x, y), constantAsWeak(x, 0)));
  return where(crosses, lax.sub(quotient, constantAsWeak(quotient, 1)), quotient);
}

const quotientOf = innerJit("floor_divide", (x: Array, y: Array) => {
  const [a, b] = promoteArgsNumeric("floor_divide", x, y);
  if (isFloat(a.dtype)) return divideFloats(a, b)[0];
  return kindOf(a.dtype) === "unsigned" ? lax.div(a, b) : divideSigned(a, b);
});
/** x / y rounded toward -∞, in the promoted dtype (bools: int32); x // 0 of signed ints is -1, or -2 for x > 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.floor_divide.html */
export const floorDivide = (x: ArrayLike, y: ArrayLike): Array =>
  quotientOf(asArray("floor_divide", x), asArray("floor_divide", y));

const onesWhereZero = (y: Array): Array => where(lax.eq(y, constant(y, 0)), lax.fullLike(y, 1), y);

const remainderOf = innerJit("remainder", (x: Array, y: Array) => {
  const [a, given] = promoteArgsNumeric("remainder", x, y);
  const b = isInteger(given.dtype) ? onesWhereZero(given) : given;
  const rest = lax.rem(a, b);
  const isRest = lax.ne(rest, constant(rest, 0));
  const signsDiffer = lax.ne(lax.lt(rest, constant(rest, 0)), lax.lt(b, constant(b, 0)));
  return lax.select(lax.bitwiseAnd(signsDiffer, isRest), lax.add(rest, b), rest);
});
/** x - y · floor(x / y): has y's sign; 0 for integer y = 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.remainder.html */
export const remainder = (x: ArrayLike, y: ArrayLike): Array =>
  remainderOf(asArray("remainder", x), asArray("remainder", y));

/** Another name of `remainder`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.mod.html */
export const mod = remainder;

const truncatedRemainder = innerJit("fmod", (x: Array, y: Array) => {
  const divisor = isInteger(y.dtype) && !isBool(x.dtype) && isInteger(x.dtype) ? onesWhereZero(y) : y;
  const [a, b] = promoteArgsNumeric("fmod", x, divisor);
  return lax.rem(a, b);
});
/** Remainder with x's sign; 0 for integer y = 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.fmod.html */
export const fmod = (x: ArrayLike, y: ArrayLike): Array => truncatedRemainder(asArray("fmod", x), asArray("fmod", y));

const both = innerJit("divmod", (x: Array, y: Array): readonly Array[] => {
  const [a, b] = promoteArgsNumeric("divmod", x, y);
  return isFloat(a.dtype) ? divideFloats(a, b) : [floorDivide(a, b), remainder(a, b)];
});
/** `[x // y, x % y]`. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.divmod.html */
export function divmod(x: ArrayLike, y: ArrayLike): [Array, Array] {
  const [quotient, rest] = both(asArray("divmod", x), asArray("divmod", y));
  return [quotient, rest];
}
