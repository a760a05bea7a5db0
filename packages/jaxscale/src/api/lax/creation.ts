/** Array creation. */
import { type DType, knownDType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import type { Shape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { iota as iotaPrimitive } from "../../primitives/creation.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf } from "../arguments.ts";
import { convertTo } from "./convert.ts";
import { broadcastInDim } from "./shape.ts";

/** A scalar repeated; of its own dtype (and weak type) unless one is given. @throws ShapeError unless it is a scalar @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.full.html */
export function full(shape: Shape, fillValue: ArrayLike, dtype?: DType): Array {
  const scalar = asArray("full", fillValue);
  if (scalar.ndim > 0) throw new ShapeError(`full: the fill value must be a scalar; got ${formatAval(scalar.aval)}`);
  const typed = dtype === undefined ? scalar : convertTo(scalar, knownDType("full", dtype), false);
  return broadcastInDim(typed, { shape, broadcastDimensions: [] });
}

/** A scalar repeated in the shape, and the dtype and weak type, of x. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.full_like.html */
export function fullLike(x: ArrayLike, fillValue: ArrayLike, dtype?: DType, shape?: Shape): Array {
  const like = asArray("full_like", x);
  const weakType = dtype === undefined && like.weakType;
  const wanted = dtype === undefined ? like.dtype : knownDType("full_like", dtype);
  return full(shape ?? like.shape, convertTo(asArray("full_like", fillValue), wanted, weakType));
}

/** `0, 1, …, size - 1`. @throws DTypeError for bool @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.iota.html */
export const iota = (dtype: DType, size: number): Array => broadcastedIota(dtype, [size], 0);

/** `0, 1, …` along axis `dimension` of a shape, equal along the others. @throws DTypeError for bool; ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.broadcasted_iota.html */
export const broadcastedIota = (dtype: DType, shape: Shape, dimension: number): Array =>
  bind1(iotaPrimitive, [], {
    dtype: knownDType("iota", dtype),
    shape: [...listOf("iota", "the shape", shape)],
    dimension,
  });
