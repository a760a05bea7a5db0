/** Powers. */
import { isFloat, isInteger } from "../../base/dtypes.ts";
import { DTypeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import * as lax from "../lax/index.ts";
import { where } from "./logic.ts";
import { promoteArgsInexact, promoteArgsNumeric, promoteRanks } from "./promotion.ts";

/**
 * xʸ. A JavaScript integer y is a static one: repeated multiplication, also of integers; `jnp.float(2)` asks for `x ** 2.0`.
 * @throws DTypeError for a negative integer power of integers; ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.power.html
 */
export function power(x: ArrayLike, y: ArrayLike): Array {
  const base = asArray("power", x);
  if (typeof y === "boolean" || (typeof y === "number" && y === (y | 0)))
    return lax.integerPow(promoteArgsNumeric("power", base)[0], Number(y));
  const exponent = asArray("power", y);
  if (isFloat(base.dtype) && isInteger(exponent.dtype)) {
    const [a, b] = promoteRanks("power", base, exponent);
    return lax.pow(a, b);
  }
  const [a, b] = promoteArgsNumeric("power", base, exponent);
  return isFloat(a.dtype) ? lax.pow(a, b) : powerOfInts(a, b);
}

/** Steps of squaring; more could matter for exponents from 64 on, of bases other than 0 and ±1 only by wrapping. */
const squarings = 6;

function powerOfInts(x: Array, y: Array): Array {
  if (y.literal !== undefined && y.literal < 0)
    throw new DTypeError(
      `power: integers cannot be raised to negative powers; got ${formatAval(x.aval)} and ${y.literal}`,
    );
  // Strong, and so is the result, as in JAX.
  const [zero, one] = [0, 1].map((n) => lax.convertElementType(n, x.dtype));
  const vanishes = lax.bitwiseAnd(lax.eq(x, zero), lax.ne(y, zero));
  let result = where(vanishes, zero, one);
  let [base, rest] = [x, y];
  for (let i = 0; i < squarings; i++) {
    if (i > 0) {
      base = lax.mul(base, base);
      rest = lax.shiftRightLogical(rest, one);
    }
    result = where(lax.bitwiseAnd(rest, one), lax.mul(result, base), result);
  }
  return result;
}

/** xʸ as floats: of ints and bools float32. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.float_power.html */
export function floatPower(x: ArrayLike, y: ArrayLike): Array {
  const [a, b] = promoteArgsInexact("float_power", x, y);
  return lax.pow(a, b);
}
