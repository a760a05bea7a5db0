/** Slices at start indices computed on the device. Negative starts count from the end, once; then the start is moved so that the slice fits. */
import { isInteger, kindOf } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { canonicalAxis, type Shape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { dynamicSlice as slicePrimitive } from "../../primitives/dynamic-slice.ts";
import { dynamicUpdateSlice as updatePrimitive } from "../../primitives/dynamic-update-slice.ts";
import { Array, type ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf, optionsOf } from "../arguments.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { convertTo, selectN } from "./convert.ts";
import { add, lt } from "./elementwise.ts";
import { expandDims, indexInDim, squeeze } from "./shape.ts";

/** One integer scalar an axis: a list of them, or an integer vector. */
export type Starts = readonly ArrayLike[] | Array;

function startsOf(op: string, operand: Array, starts: Starts): Array[] {
  const list = starts instanceof Array ? unpacked(op, starts) : listOf(op, "starts", starts).map((s) => asArray(op, s));
  if (list.length !== operand.ndim)
    throw new ShapeError(`${op}: starts must be one for each axis; got ${list.length} for ${formatAval(operand.aval)}`);
  return list.map((start, axis) => wrapped(op, start, operand.shape[axis]));
}

function unpacked(op: string, vector: Array): Array[] {
  if (vector.ndim !== 1) throw new ShapeError(`${op}: starts must be a vector; got ${formatAval(vector.aval)}`);
  return globalThis.Array.from({ length: vector.shape[0] }, (_, i) => indexInDim(vector, i, { keepdims: false }));
}

/** Unsigned starts stay, known ones wrap on the host, others by equations. */
function wrapped(op: string, start: Array, size: number): Array {
  if (!isInteger(start.dtype)) throw new DTypeError(`${op}: starts must be integers; got ${formatAval(start.aval)}`);
  if (kindOf(start.dtype) === "unsigned") return start;
  if (start.literal !== undefined)
    return scalarOf(start.literal < 0 ? start.literal + size : start.literal, start.dtype);
  const count = scalarOf(size, start.dtype);
  return selectN(lt(start, scalarOf(0, start.dtype)), start, add(convertTo(start, start.dtype, false), count));
}

/** A box of static size. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_slice.html */
export function dynamicSlice(x: ArrayLike, starts: Starts, sliceSizes: Shape): Array {
  const operand = asArray("dynamic_slice", x);
  const params = { sliceSizes: [...listOf("dynamic_slice", "sizes", sliceSizes)] };
  return bind1(slicePrimitive, [operand, ...startsOf("dynamic_slice", operand, starts)], params);
}

/** x with a box of it replaced by `update`, of x's dtype and rank. Updates in place if x is donated. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_update_slice.html */
export function dynamicUpdateSlice(x: ArrayLike, update: ArrayLike, starts: Starts): Array {
  const operand = asArray("dynamic_update_slice", x);
  const indices = startsOf("dynamic_update_slice", operand, starts);
  return bind1(updatePrimitive, [operand, asArray("dynamic_update_slice", update), ...indices], {});
}

/** The start along one axis, zero along the others. */
function startsAlong(operand: Array, axis: number, start: ArrayLike): ArrayLike[] {
  const given = asArray("dynamic_slice", start);
  return operand.shape.map((_, i) => (i === axis ? given : scalarOf(0, given.dtype)));
}

/** `size` elements along one axis. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_slice_in_dim.html */
export function dynamicSliceInDim(
  x: ArrayLike,
  start: ArrayLike,
  sliceSize: number,
  options?: { readonly axis?: number },
): Array {
  const { axis } = optionsOf("dynamic_slice", options, { axis: 0 });
  const operand = asArray("dynamic_slice", x);
  const along = canonicalAxis("dynamic_slice_in_dim", axis, operand.ndim);
  return dynamicSlice(
    operand,
    startsAlong(operand, along, start),
    operand.shape.map((size, i) => (i === along ? sliceSize : size)),
  );
}

/** x with elements along one axis replaced from `start` on. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_update_slice_in_dim.html */
export function dynamicUpdateSliceInDim(
  x: ArrayLike,
  update: ArrayLike,
  start: ArrayLike,
  options?: { readonly axis?: number },
): Array {
  const { axis } = optionsOf("dynamic_update_slice", options, { axis: 0 });
  const operand = asArray("dynamic_update_slice", x);
  const along = canonicalAxis("dynamic_update_slice_in_dim", axis, operand.ndim);
  return dynamicUpdateSlice(operand, update, startsAlong(operand, along, start));
}

const indexInDimension = staticJit(
  "dynamic_index_in_dim",
  (axis: number, keepdims: boolean) => (x: Array, index: Array) => {
    const slice = dynamicSliceInDim(x, index, 1, { axis });
    return keepdims ? slice : squeeze(slice, [axis]);
  },
);
/** The slice of size 1 at `index` along an axis, with or without that axis. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_index_in_dim.html */
export function dynamicIndexInDim(
  x: ArrayLike,
  index: ArrayLike,
  options?: { readonly axis?: number; readonly keepdims?: boolean },
): Array {
  const { axis, keepdims } = optionsOf("dynamic_index_in_dim", options, { axis: 0, keepdims: true });
  const operand = asArray("dynamic_index_in_dim", x);
  const along = canonicalAxis("dynamic_index_in_dim", axis, operand.ndim);
  return indexInDimension(along, keepdims)(operand, asArray("dynamic_index_in_dim", index));
}

const updateInDimension = staticJit(
  "dynamic_update_index_in_dim",
  (axis: number) => (x: Array, update: Array, index: Array) => {
    const box = update.ndim < x.ndim ? expandDims(update, [axis]) : update;
    return dynamicUpdateSliceInDim(x, box, index, { axis });
  },
);
/** x with the slice at `index` along an axis replaced; the update has x's rank, or lacks that axis. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_update_index_in_dim.html */
export function dynamicUpdateIndexInDim(
  x: ArrayLike,
  update: ArrayLike,
  index: ArrayLike,
  options?: { readonly axis?: number },
): Array {
  const { axis } = optionsOf("dynamic_update_index_in_dim", options, { axis: 0 });
  const operand = asArray("dynamic_update_index_in_dim", x);
  const along = canonicalAxis("dynamic_update_index_in_dim", axis, operand.ndim);
  return updateInDimension(along)(
    operand,
    asArray("dynamic_update_index_in_dim", update),
    asArray("dynamic_update_index_in_dim", index),
  );
}
