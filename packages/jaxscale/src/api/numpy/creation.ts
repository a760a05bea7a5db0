/** Arrays from data, and arrays of one value. */

import { describe } from "../../base/describe.ts";
import { type DType, knownDType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { checkElementCount, formatShape, type Shape } from "../../base/shapes.ts";
import { copy } from "../../primitives/identity.ts";
import { Array, type ArrayLike, heldArray, isArrayHolder } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1, getBackend } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import { convert, filled, insertAxes, joined } from "./equations.ts";
import {
  dtypeOfLeaves,
  dtypeOfTyped,
  type HostData,
  isList,
  leavesOfList,
  notData,
  numberOf,
  shapeOfList,
  type TypedArray,
  tensorOfNumbers,
  tensorOfTyped,
} from "./host-data.ts";
import { broadcastTo } from "./shape.ts";

export type { HostData, NestedList, TypedArray } from "./host-data.ts";

/** The dtype of a new array. */
export interface DTypeOption {
  readonly dtype?: DType;
}

const checkedDtype = (op: string, dtype: DType | undefined): DType | undefined =>
  dtype === undefined ? undefined : knownDType(op, dtype);

/** A shape from a number or a list. @throws ShapeError unless sizes are whole and at least 0 */
export function asShape(op: string, shape: number | Shape): Shape {
  const list = typeof shape === "number" ? [shape] : shape;
  if (!isList(list) || !list.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(
      `${op}: sizes must be whole numbers of at least 0; got ${isList(list) ? formatShape(list) : describe(shape)}`,
    );
  checkElementCount(op, list);
  return list;
}

function fromData(op: string, data: HostData, dtype: DType | undefined): Array {
  if (data instanceof Array) return dtype === undefined ? data : convert(data, dtype);
  if (typeof data === "number" || typeof data === "boolean") {
    if (dtype !== undefined) return scalarOf(numberOf(op, data, dtype), dtype);
    if (Number.isInteger(data)) numberOf(op, data, "int32");
    return asArray(op, data);
  }
  if (isArrayHolder(data)) return fromData(op, data[heldArray], dtype);
  const typed = dtypeOfTyped(data);
  if (typed) return getBackend().fromHost(tensorOfTyped(data as TypedArray, dtype ?? typed), false);
  if (!isList(data)) throw notData(op, data);
  const leaves = leavesOfList(op, data);
  const found = dtypeOfLeaves(op, leaves);
  if (leaves.some((leaf) => leaf instanceof Array)) return stacked(op, data, dtype ?? found);
  const shape = shapeOfList(op, data);
  return getBackend().fromHost(tensorOfNumbers(op, leaves as number[], shape, dtype ?? found), false);
}

/** A list with arrays in it. */
function stacked(op: string, data: unknown, dtype: DType): Array {
  if (!isList(data)) return convert(fromData(op, data as ArrayLike, undefined), dtype);
  const rows = data.map((row) => insertAxes(op, stacked(op, row, dtype), [0]));
  const [first] = rows;
  if (rows.some((row) => row.ndim !== first.ndim || row.shape.some((n, axis) => n !== first.shape[axis])))
    throw new ShapeError(
      `${op}: rows must be of one shape; got ${rows.map((row) => formatShape(row.shape.slice(1))).join(", ")}`,
    );
  return joined(rows, 0);
}

/**
 * An array of the data: numbers, booleans, nested lists of them (rectangular), typed arrays, arrays (copied).
 * Whole numbers give int32, others float32, booleans bool; typed arrays their own type, 64-bit ones the 32-bit one.
 * A single number without a dtype is weakly typed.
 * @throws ShapeError for ragged lists, DTypeError for other data or for whole numbers that the dtype cannot hold
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.array.html
 */
export function array(data: HostData, options?: DTypeOption & { readonly ndmin?: number }): Array {
  const { dtype, ndmin } = optionsOf("array", options, { dtype: undefined, ndmin: 0 });
  const wanted = checkedDtype("array", dtype);
  const source = data instanceof Array ? bind1(copy, [data], {}) : data;
  const x = fromData("array", source, wanted);
  const missing = Math.max(ndmin - x.ndim, 0);
  return insertAxes(
    "array",
    x,
    globalThis.Array.from({ length: missing }, (_, i) => i),
  );
}

/** As `array`, but an array is returned as it is. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.asarray.html */
export const asarray = (data: HostData, options?: DTypeOption): Array => {
  const { dtype } = optionsOf("asarray", options, { dtype: undefined });
  return fromData("asarray", data, checkedDtype("asarray", dtype));
};

/** All 0, float32 unless a dtype is given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.zeros.html */
export const zeros = (shape: number | Shape, options?: DTypeOption): Array => {
  const { dtype } = optionsOf("zeros", options, { dtype: "float32" });
  return filled(0, asShape("zeros", shape), checkedDtype("zeros", dtype) as DType);
};

/** All 1, float32 unless a dtype is given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ones.html */
export const ones = (shape: number | Shape, options?: DTypeOption): Array => {
  const { dtype } = optionsOf("ones", options, { dtype: "float32" });
  return filled(1, asShape("ones", shape), checkedDtype("ones", dtype) as DType);
};

/** As `zeros`: memory is never left unset. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.empty.html */
export const empty = (shape: number | Shape, options?: DTypeOption): Array => {
  const { dtype } = optionsOf("empty", options, { dtype: "float32" });
  return filled(0, asShape("empty", shape), checkedDtype("empty", dtype) as DType);
};

/**
 * `fillValue` broadcast to a shape. Without a dtype its own type, weak if it is a number.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.full.html
 */
export function full(shape: number | Shape, fillValue: ArrayLike, options?: DTypeOption): Array {
  const { dtype } = optionsOf("full", options, { dtype: undefined });
  const value = asArray("full", fillValue);
  const wanted = checkedDtype("full", dtype);
  return broadcastTo(wanted === undefined ? value : convert(value, wanted), asShape("full", shape));
}

/** Options of `zerosLike`, `onesLike`, `fullLike`, which override those of the array. */
export interface LikeOptions extends DTypeOption {
  readonly shape?: number | Shape;
}

function fullOf(op: string, x: ArrayLike, value: number, options: LikeOptions | undefined): Array {
  const { dtype, shape } = optionsOf(op, options, { dtype: undefined, shape: undefined });
  const like = asArray(op, x);
  const wanted = checkedDtype(op, dtype);
  return filled(
    value,
    shape === undefined ? like.shape : asShape(op, shape),
    wanted ?? like.dtype,
    wanted === undefined && like.weakType,
  );
}

/** 0 in the shape and dtype of `x`, or those given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.zeros_like.html */
export const zerosLike = (x: ArrayLike, options?: LikeOptions): Array => fullOf("zerosLike", x, 0, options);

/** 1 in the shape and dtype of `x`, or those given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ones_like.html */
export const onesLike = (x: ArrayLike, options?: LikeOptions): Array => fullOf("onesLike", x, 1, options);

/** 0 in the shape and dtype of `x`, or those given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.empty_like.html */
export const emptyLike = (x: ArrayLike, options?: LikeOptions): Array => fullOf("emptyLike", x, 0, options);

/** `fillValue` broadcast to the shape and cast to the dtype of `x`, or to those given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.full_like.html */
export function fullLike(x: ArrayLike, fillValue: ArrayLike, options?: LikeOptions): Array {
  const { dtype, shape } = optionsOf("fullLike", options, { dtype: undefined, shape: undefined });
  const like = asArray("fullLike", x);
  const wanted = checkedDtype("fullLike", dtype);
  const value = convert(asArray("fullLike", fillValue), wanted ?? like.dtype, wanted === undefined && like.weakType);
  return broadcastTo(value, shape === undefined ? like.shape : asShape("fullLike", shape));
}
