/** Dtype conversions, and selection. */
import { type DType, isBool, isFloat, knownDType, rangeOf } from "../../base/dtypes.ts";
import { roundTo } from "../../base/rounding.ts";
import { bitcastConvertType as bitcastPrimitive } from "../../primitives/bitcast.ts";
import { convertElementType as convertPrimitive } from "../../primitives/convert.ts";
import { clamp as clampPrimitive, selectN as selectNPrimitive } from "../../primitives/select.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";

/**
 * x as a strongly typed array of another dtype; x itself if it is one. Float to integer truncates and saturates, NaN gives 0;
 * integers wrap; nonzero values become true.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.convert_element_type.html
 */
export const convertElementType = (x: ArrayLike, dtype: DType): Array =>
  convertTo(asArray("convert_element_type", x), knownDType("convert_element_type", dtype), false);

/** As `convertElementType`, with the weak type that is asked for. A scalar that the host knows is converted there. */
export function convertTo(x: Array, dtype: DType, weakType: boolean): Array {
  if (x.dtype === dtype && x.weakType === weakType) return x;
  if (x.literal === undefined || x.ndim > 0) return bind1(convertPrimitive, [x], { newDtype: dtype, weakType });
  // A weak scalar keeps its digits, for it may become one of a wider dtype.
  const keeps = weakType && isFloat(dtype) && isFloat(x.dtype);
  return scalarOf(keeps ? x.literal : convertNumber(x.literal, x.dtype, dtype), dtype, weakType);
}

function convertNumber(value: number, from: DType, to: DType): number {
  if (!isFloat(from) || isFloat(to) || isBool(to)) return roundTo(to, value);
  const { min, max } = rangeOf(to);
  return Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), min), max);
}

/**
 * The bits of x read as another dtype; between widths a last axis of parts, lowest bits first, comes or goes.
 * @throws DTypeError for bool; ShapeError if that axis does not fit
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.bitcast_convert_type.html
 */
export const bitcastConvertType = (x: ArrayLike, dtype: DType): Array =>
  bind1(bitcastPrimitive, [asArray("bitcast_convert_type", x)], {
    newDtype: knownDType("bitcast_convert_type", dtype),
  });

/**
 * `cases[which]`, element by element. `which`: bool for two cases, else int32; a scalar or of the cases' shape.
 * @throws DTypeError, ShapeError unless the cases agree
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.select_n.html
 */
export const selectN = (which: ArrayLike, ...cases: readonly ArrayLike[]): Array =>
  bind1(
    selectNPrimitive,
    [which, ...cases].map((x) => asArray("select_n", x)),
    {},
  );

/** Where `predicate` (bool, a scalar or of the others' shape) holds `onTrue`, else `onFalse`. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.select.html */
export const select = (predicate: ArrayLike, onTrue: ArrayLike, onFalse: ArrayLike): Array =>
  selectN(predicate, onFalse, onTrue);

/** Clamps x to [low, high], which are scalars or of x's shape; high where low > high; NaN if any is. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.clamp.html */
export const clamp = (low: ArrayLike, x: ArrayLike, high: ArrayLike): Array =>
  bind1(
    clampPrimitive,
    [low, x, high].map((operand) => asArray("clamp", operand)),
    {},
  );
