/** Arrays joined and taken apart. */
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxis, sameShape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { split as splitPrimitive } from "../../primitives/slice.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind } from "../../trace/trace.ts";
import { listOf, wholesOf } from "../arguments.ts";
import { dropAxes, insertAxes, joined, range } from "./equations.ts";
import { promoteTypesOf } from "./promotion.ts";
import { atleast1d, atleast2d, atleast3d, ravel, transpose } from "./shape.ts";

const listed = (xs: readonly Array[]): string => xs.map((x) => formatAval(x.aval)).join(", ");

/**
 * Arrays laid end to end along an axis, promoted to a common dtype; `axis: null` flattens them first.
 * @throws ShapeError unless all have one rank, of at least 1, and agree along the other axes
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.concatenate.html
 */
export function concatenate(arrays: readonly ArrayLike[], axis: number | null = 0): Array {
  if (listOf("concatenate", "arrays", arrays).length === 0)
    throw new ShapeError("concatenate: there must be at least one array; got none");
  if (axis === null) return concatenate(arrays.map(ravel));
  const operands = promoteTypesOf("concatenate", ...arrays);
  const [first] = operands;
  if (operands.some((x) => x.ndim === 0))
    throw new ShapeError(`concatenate: arrays must have at least 1 axis; got ${listed(operands)}`);
  const along = canonicalAxis("concatenate", axis, first.ndim);
  return operands.length === 1 ? first : joined(operands, along);
}

/**
 * Arrays of one shape along a new axis, promoted to a common dtype.
 * @throws ShapeError unless the shapes are equal
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.stack.html
 */
export function stack(arrays: readonly ArrayLike[], axis = 0): Array {
  if (listOf("stack", "arrays", arrays).length === 0)
    throw new ShapeError("stack: there must be at least one array; got none");
  const operands = promoteTypesOf("stack", ...arrays);
  if (operands.some((x) => !sameShape(x.shape, operands[0].shape)))
    throw new ShapeError(`stack: arrays must have one shape; got ${listed(operands)}`);
  const at = canonicalAxis("stack", axis, operands[0].ndim + 1);
  const rows = operands.map((x) => insertAxes("stack", x, [at]));
  return rows.length === 1 ? rows[0] : joined(rows, at);
}

/** Slices along an axis, that axis dropped. @throws ShapeError for a scalar. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.unstack.html */
export function unstack(x: ArrayLike, axis = 0): Array[] {
  const operand = asArray("unstack", x);
  const along = canonicalAxis("unstack", axis, operand.ndim);
  const size = operand.shape[along];
  return pieces(operand, along, range(size).fill(1)).map((piece) => dropAxes(piece, [along]));
}

const every = (op: string, arrays: readonly ArrayLike[], widen: (x: ArrayLike) => Array): Array[] =>
  listOf(op, "arrays", arrays).map((x) => widen(asArray(op, x)));

/** Joins arrays along axis 1, vectors along axis 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.hstack.html */
export function hstack(arrays: readonly ArrayLike[]): Array {
  const operands = every("hstack", arrays, atleast1d);
  return concatenate(operands, operands[0]?.ndim === 1 ? 0 : 1);
}
/** Joins arrays along axis 0, vectors as rows. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.vstack.html */
export const vstack = (arrays: readonly ArrayLike[]): Array => concatenate(every("vstack", arrays, atleast2d), 0);
/** Joins arrays along axis 2, which vectors and matrices get. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.dstack.html */
export const dstack = (arrays: readonly ArrayLike[]): Array => concatenate(every("dstack", arrays, atleast3d), 2);
/** Joins arrays along axis 1, vectors as columns. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.column_stack.html */
export const columnStack = (arrays: readonly ArrayLike[]): Array =>
  concatenate(
    every("columnStack", arrays, (x) =>
      asArray("columnStack", x).ndim < 2 ? transpose(atleast2d(x)) : asArray("columnStack", x),
    ),
    1,
  );

/** Appends `values` to `x`; flattens both if there is no axis. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.append.html */
export const append = (x: ArrayLike, values: ArrayLike, axis: number | null = null): Array =>
  concatenate([x, values], axis);

// ---- taking apart -----------------------------------------------------------

const pieces = (x: Array, axis: number, sizes: readonly number[]): Array[] =>
  sizes.length === 0 ? [] : [...bind(splitPrimitive, [x], { axis, sizes })];

function splitAt(op: string, x: ArrayLike, where: number | readonly number[], axis: number, even: boolean): Array[] {
  const operand = asArray(op, x);
  const along = canonicalAxis(op, axis, operand.ndim);
  const size = operand.shape[along];
  if (typeof where !== "number") {
    const bounds = [0, ...wholesOf(op, "the number of pieces, or the points of a list,", where), size];
    const sizes = range(bounds.length - 1).map((i) => bounds[i + 1] - bounds[i]);
    if (sizes.some((n) => !Number.isInteger(n) || n < 0))
      throw new ShapeError(
        `${op}: points must ascend from 0 to ${size}; got (${where.join(", ")}) for ${formatAval(operand.aval)} axis ${along}`,
      );
    return pieces(operand, along, sizes);
  }
  const rest = size % where;
  if (!Number.isInteger(where) || where < 1 || (even && rest !== 0))
    throw new ShapeError(
      `${op}: the number of pieces must ${even ? "divide the axis" : "be at least 1"}; got ${where} for ${formatAval(operand.aval)} axis ${along} = ${size}`,
    );
  return pieces(
    operand,
    along,
    range(where).map((i) => Math.floor(size / where) + (i < rest ? 1 : 0)),
  );
}

/**
 * Consecutive pieces along an axis: a number of equal ones, or cut at the points of a list.
 * @throws ShapeError if the number does not divide the axis, or the points do not ascend
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.split.html
 */
export const split = (x: ArrayLike, where: number | readonly number[], axis = 0): Array[] =>
  splitAt("split", x, where, axis, true);

/** As `split`, the first pieces one longer where the number does not divide the axis. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.array_split.html */
export const arraySplit = (x: ArrayLike, where: number | readonly number[], axis = 0): Array[] =>
  splitAt("arraySplit", x, where, axis, false);

/** Splits along axis 1, vectors along axis 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.hsplit.html */
export function hsplit(x: ArrayLike, where: number | readonly number[]): Array[] {
  const operand = asArray("hsplit", x);
  return splitAt("hsplit", operand, where, operand.ndim === 1 ? 0 : 1, true);
}
/** Splits along axis 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.vsplit.html */
export const vsplit = (x: ArrayLike, where: number | readonly number[]): Array[] =>
  splitAt("vsplit", x, where, 0, true);
/** Splits along axis 2. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.dsplit.html */
export const dsplit = (x: ArrayLike, where: number | readonly number[]): Array[] =>
  splitAt("dsplit", x, where, 2, true);
