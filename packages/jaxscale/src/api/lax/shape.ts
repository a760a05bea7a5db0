/** Operations that move, cut, join or repeat elements. Nothing is promoted; axes count from 0 unless said otherwise. */

import { ShapeError } from "../../base/errors.ts";
import { canonicalAxes, canonicalAxis, type Shape, sameShape, sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { broadcastInDim as broadcastPrimitive } from "../../primitives/broadcast.ts";
import { concatenate as concatenatePrimitive } from "../../primitives/concatenate.ts";
import { type Padding, pad as padPrimitive } from "../../primitives/pad.ts";
import * as shapes from "../../primitives/shape.ts";
import { slice as slicePrimitive, split as splitPrimitive } from "../../primitives/slice.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind, bind1 } from "../../trace/trace.ts";
import { listOf, optionsOf, required, wholeOf, wholesOf } from "../arguments.ts";

/**
 * The same elements in row-major order under another shape, or first transposed by `dimensions`.
 * @throws ShapeError unless the sizes multiply to the same number
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.reshape.html
 */
export function reshape(x: ArrayLike, newSizes: Shape): Array {
  const operand = asArray("reshape", x);
  const sizes = listOf("reshape", "sizes", newSizes);
  return sameShape(operand.shape, sizes) ? operand : bind1(shapes.reshape, [operand], { newSizes: [...sizes] });
}

/** Axes `start` to before `end` (of the rank, if absent) made one. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.collapse.html */
export function collapse(x: ArrayLike, start: number, end?: number): Array {
  const { shape } = asArray("collapse", x);
  const place = (what: string, axis: number): number =>
    wholeOf("collapse", what, axis) < 0 ? axis + shape.length : axis;
  const first = wholeOf("collapse", "start", place("start", start), 0);
  const stop = wholeOf("collapse", "end", place("end", end ?? shape.length), first);
  return reshape(x, [...shape.slice(0, first), sizeOf(shape.slice(first, stop)), ...shape.slice(stop)]);
}

/** Axis i of the result is axis `permutation[i]` of x. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.transpose.html */
export function transpose(x: ArrayLike, permutation: readonly number[]): Array {
  const operand = asArray("transpose", x);
  listOf("transpose", "the permutation", permutation);
  const stays = permutation.length === operand.ndim && permutation.every((axis, i) => axis === i);
  return stays ? operand : bind1(shapes.transpose, [operand], { permutation: [...permutation] });
}

/** Drops axes of size 1; negative ones count from the end. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.squeeze.html */
export function squeeze(x: ArrayLike, dimensions: readonly number[]): Array {
  const operand = asArray("squeeze", x);
  const axes = canonicalAxes("squeeze", dimensions, operand.ndim);
  return axes.length === 0 ? operand : bind1(shapes.squeeze, [operand], { dimensions: axes });
}

/** New axes of size 1 at the given places of the result; negative ones count from its end. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.expand_dims.html */
export function expandDims(x: ArrayLike, dimensions: readonly number[]): Array {
  const operand = asArray("expand_dims", x);
  const rank = operand.ndim + listOf("expand_dims", "dimensions", dimensions).length;
  const added = canonicalAxes("expand_dims", dimensions, rank);
  const kept = globalThis.Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !added.includes(axis));
  const shape = globalThis.Array<number>(rank).fill(1);
  kept.forEach((axis, i) => {
    shape[axis] = operand.shape[i];
  });
  return broadcastInDim(operand, { shape, broadcastDimensions: kept });
}

/** Order reversed along `dimensions`. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.rev.html */
export const rev = (x: ArrayLike, dimensions: readonly number[]): Array =>
  bind1(shapes.rev, [asArray("rev", x)], { dimensions: [...listOf("rev", "dimensions", dimensions)] });

/**
 * x spread over a larger shape: its axis i is axis `broadcastDimensions[i]` of the result, of size 1 or the same; x itself if nothing changes.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.broadcast_in_dim.html
 */
export function broadcastInDim(
  x: ArrayLike,
  options: { readonly shape: Shape; readonly broadcastDimensions: readonly number[] },
): Array {
  const op = "broadcast_in_dim";
  const given = optionsOf(op, options, { shape: required, broadcastDimensions: required });
  const shape = listOf(op, "the shape", given.shape);
  const broadcastDimensions = listOf(op, "broadcastDimensions", given.broadcastDimensions);
  const operand = asArray(op, x);
  if (sameShape(operand.shape, shape) && broadcastDimensions.length === shape.length) return operand;
  const params = { shape: [...shape], broadcastDimensions: [...broadcastDimensions] };
  return bind1(broadcastPrimitive, [operand], params);
}

/** New leading axes of these sizes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.broadcast.html */
export function broadcast(x: ArrayLike, sizes: Shape): Array {
  const operand = asArray("broadcast", x);
  const broadcastDimensions = operand.shape.map((_, axis) => axis + listOf("broadcast", "sizes", sizes).length);
  return broadcastInDim(operand, { shape: [...sizes, ...operand.shape], broadcastDimensions });
}

/** Arrays of one dtype end to end along axis `dimension`. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.concatenate.html */
export function concatenate(operands: readonly ArrayLike[], dimension: number): Array {
  const arrays = listOf("concatenate", "arrays", operands).map((x) => asArray("concatenate", x));
  return arrays.length === 1 && arrays[0].ndim > 0 ? arrays[0] : bind1(concatenatePrimitive, arrays, { dimension });
}

/** Consecutive pieces of these sizes along `axis`. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.split.html */
export function split(x: ArrayLike, sizes: readonly number[], axis = 0): Array[] {
  const operand = asArray("split", x);
  const params = { axis: canonicalAxis("split", axis, operand.ndim), sizes: [...wholesOf("split", "sizes", sizes)] };
  return [...bind(splitPrimitive, [operand], params)];
}

/**
 * Edges and gaps filled with `value`, a scalar of x's dtype; negative edges cut.
 * @param paddingConfig `[before, after, between]` for each axis
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pad.html
 */
export const pad = (x: ArrayLike, value: ArrayLike, paddingConfig: readonly Padding[]): Array =>
  bind1(padPrimitive, [asArray("pad", x), asArray("pad", value)], {
    paddingConfig: listOf("pad", "the padding", paddingConfig).map(
      (p) => wholesOf("pad", "the padding of an axis", p) as Padding,
    ),
  });

/** Elements `start, start + stride, … < limit` along every axis. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.slice.html */
export function slice(
  x: ArrayLike,
  options: {
    readonly startIndices: readonly number[];
    readonly limitIndices: readonly number[];
    readonly strides?: readonly number[] | null;
  },
): Array {
  const given = optionsOf("slice", options, { startIndices: required, limitIndices: required, strides: null });
  const params = {
    startIndices: [...listOf("slice", "startIndices", given.startIndices)],
    limitIndices: [...listOf("slice", "limitIndices", given.limitIndices)],
    strides: given.strides && [...listOf("slice", "strides", given.strides)],
  };
  return bind1(slicePrimitive, [asArray("slice", x)], params);
}

/** As `slice`, along one axis; negative places count from its end, null is the end of it. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.slice_in_dim.html */
export function sliceInDim(
  x: ArrayLike,
  startIndex: number | null,
  limitIndex: number | null,
  options?: { readonly stride?: number; readonly axis?: number },
): Array {
  const { stride, axis } = optionsOf("slice_in_dim", options, { stride: 1, axis: 0 });
  const operand = asArray("slice_in_dim", x);
  const along = canonicalAxis("slice_in_dim", axis, operand.ndim);
  const size = operand.shape[along];
  const wrap = (place: number): number => (wholeOf("slice_in_dim", "a place", place) < 0 ? place + size : place);
  return slice(operand, {
    startIndices: operand.shape.map((_, i) => (i === along ? wrap(startIndex ?? 0) : 0)),
    limitIndices: operand.shape.map((d, i) => (i === along ? wrap(limitIndex ?? size) : d)),
    strides: operand.shape.map((_, i) => (i === along ? stride : 1)),
  });
}

/** The slice of size 1 at a static place along an axis, with or without that axis. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.index_in_dim.html */
export function indexInDim(
  x: ArrayLike,
  index: number,
  options?: { readonly axis?: number; readonly keepdims?: boolean },
): Array {
  const { axis, keepdims } = optionsOf("index_in_dim", options, { axis: 0, keepdims: true });
  const operand = asArray("index_in_dim", x);
  const along = canonicalAxis("index_in_dim", axis, operand.ndim);
  const size = operand.shape[along];
  const place = wholeOf("index_in_dim", "index", index) < 0 ? index + size : index;
  if (place < 0 || place >= size)
    throw new ShapeError(
      `index_in_dim: index must be in [${-size}, ${size}); got ${index} for ${formatAval(operand.aval)}`,
    );
  const result = sliceInDim(operand, place, place + 1, { axis: along });
  return keepdims ? result : squeeze(result, [along]);
}
