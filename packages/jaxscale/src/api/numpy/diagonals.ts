/** Triangles and diagonals. */
import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxis } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { add } from "../../primitives/arithmetic.ts";
import { eq, ge } from "../../primitives/compare.ts";
import { pad } from "../../primitives/pad.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf, wholeOf } from "../arguments.ts";
import { asShape, type DTypeOption } from "./creation.ts";
import { binary, choose, convert, counting, filled, insertAxes, range, spread } from "./equations.ts";
import { getAt } from "./indexing.ts";
import { where } from "./logic.ts";
import { sum } from "./reductions.ts";
import { moveaxis } from "./shape.ts";
import { staticJit } from "./static-jit.ts";

interface DiagonalOption extends DTypeOption {
  /** Which diagonal: above the main one if positive. */
  readonly k?: number;
}

const whole = (op: string, k: number): number => wholeOf(op, "k", k);

/** `row + k = column`, as bool. */
function onDiagonal(shape: readonly number[], k: number): Array {
  const [rows, columns] = [counting(shape, 0), counting(shape, 1)];
  return binary(eq, binary(add, rows, k), columns);
}

/** `row + k ≥ column`, as bool. */
const onOrBelow = (shape: readonly number[], k: number): Array =>
  binary(ge, binary(add, counting(shape, 0), k), counting(shape, 1));

/**
 * Ones on a diagonal, zeros elsewhere: `[n, m]`, float32 unless a dtype is given.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.eye.html
 */
export function eye(n: number, m: number = n, options?: DiagonalOption): Array {
  const { k, dtype } = optionsOf("eye", options, { k: 0, dtype: "float32" });
  return convert(onDiagonal(asShape("eye", [n, m]), whole("eye", k)), dtype);
}

/** `eye(n)`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.identity.html */
export const identity = (n: number, options?: DTypeOption): Array =>
  eye(n, n, optionsOf("identity", options, { dtype: "float32" }));

/** Ones on and below a diagonal: `[n, m]`, float32 unless a dtype is given. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tri.html */
export const tri = (n: number, m: number = n, options?: DiagonalOption): Array => {
  const { k, dtype } = optionsOf("tri", options, { k: 0, dtype: "float32" });
  return convert(onOrBelow(asShape("tri", [n, m]), whole("tri", k)), dtype);
};

const triangle = (name: string, lower: boolean) =>
  staticJit(name, (k: number) => (x: Array) => {
    const mask = onOrBelow(x.shape.slice(-2), lower ? k : k - 1);
    const wide = x.ndim === 2 ? mask : spread(mask, x.shape, [x.ndim - 2, x.ndim - 1]);
    const zero = filled(0, x.shape, x.dtype, x.weakType);
    return lower ? choose(wide, x, zero) : choose(wide, zero, x);
  });
const lowerTriangle = triangle("tril", true);
const upperTriangle = triangle("triu", false);

function matrices(op: string, x: ArrayLike): Array {
  const operand = asArray(op, x);
  if (operand.ndim < 2) throw new ShapeError(`${op}: x must have at least 2 axes; got ${formatAval(operand.aval)}`);
  return operand;
}

/** x with zeros above diagonal `k` of its last two axes. @throws ShapeError below two axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tril.html */
export const tril = (x: ArrayLike, k = 0): Array => lowerTriangle(whole("tril", k))(matrices("tril", x));

/** x with zeros below diagonal `k` of its last two axes. @throws ShapeError below two axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.triu.html */
export const triu = (x: ArrayLike, k = 0): Array => upperTriangle(whole("triu", k))(matrices("triu", x));

// ---- diagonals ------------------------------------------------------------

const makeDiag = staticJit("_diag", (k: number) => (x: Array) => {
  if (x.ndim === 2) return diagonal(x, { offset: k });
  const size = x.size + Math.abs(k);
  const padded = bind1(pad, [x, scalarOf(0, x.dtype)], { paddingConfig: [[Math.max(0, -k), Math.max(0, k), 0]] });
  return where(onDiagonal([size, size], k), insertAxes("diag", padded, [1]), scalarOf(0, x.dtype, x.weakType));
});

/**
 * Of a vector the matrix with it on diagonal `k`; of a matrix that diagonal.
 * @throws ShapeError for other ranks
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.diag.html
 */
export function diag(x: ArrayLike, k = 0): Array {
  const operand = asArray("diag", x);
  if (operand.ndim !== 1 && operand.ndim !== 2)
    throw new ShapeError(`diag: x must be a vector or a matrix; got ${formatAval(operand.aval)}`);
  return makeDiag(whole("diag", k))(operand);
}

/** Options of `diagonal` and `trace`. */
export interface DiagonalOptions {
  /** Which diagonal: above the main one if positive. */
  readonly offset?: number;
  /** The axes of rows and columns; 0 and 1 by default. */
  readonly axis1?: number;
  readonly axis2?: number;
}

const mainDiagonal = { offset: 0, axis1: 0, axis2: 1 };

function diagonalAxes(op: string, x: ArrayLike, { offset, axis1, axis2 }: Required<DiagonalOptions>) {
  const operand = matrices(op, x);
  const [rows, columns] = [axis1, axis2].map((axis) => canonicalAxis(op, axis, operand.ndim));
  if (rows === columns) throw new ShapeError(`${op}: the two axes must differ; got ${axis1} and ${axis2}`);
  return { operand, offset: whole(op, offset), rows, columns };
}

const takeDiagonal = staticJit("diagonal", (offset: number, rows: number, columns: number) => (x: Array) => {
  const moved = moveaxis(x, [rows, columns], [-2, -1]);
  const [m, n] = moved.shape.slice(-2);
  const size = Math.max(0, Math.min(m + Math.min(offset, 0), n - Math.max(offset, 0)));
  const short = counting([size], 0);
  const plain = counting([size], 0);
  const shifted = offset === 0 ? plain : binary(add, Math.abs(offset), plain);
  return getAt(moved, offset < 0 ? ["...", shifted, short] : ["...", short, shifted]);
});

/**
 * A diagonal of two axes, as the last axis of the result.
 * @throws ShapeError below two axes, or if the axes are one
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.diagonal.html
 */
export function diagonal(x: ArrayLike, options?: DiagonalOptions): Array {
  const places = optionsOf("diagonal", options, mainDiagonal);
  const { operand, offset, rows, columns } = diagonalAxes("diagonal", x, places);
  return takeDiagonal(offset, rows, columns)(operand);
}

const sumDiagonal = staticJit(
  "trace",
  (offset: number, rows: number, columns: number, dtype: DType | null) => (x: Array) => {
    const moved = moveaxis(x, [rows, columns], [-2, -1]);
    const kept = where(onDiagonal(moved.shape.slice(-2), offset), moved, filled(0, moved.shape, moved.dtype));
    return sum(kept, { axis: [-2, -1], dtype: dtype ?? undefined });
  },
);

/**
 * The sum of a diagonal of two axes; small integers are summed as int32.
 * @throws ShapeError below two axes, or if the axes are one
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.trace.html
 */
export function trace(x: ArrayLike, options?: DiagonalOptions & DTypeOption): Array {
  const { dtype, ...places } = optionsOf("trace", options, { ...mainDiagonal, dtype: undefined });
  const { operand, offset, rows, columns } = diagonalAxes("trace", x, places);
  return sumDiagonal(offset, rows, columns, dtype ?? null)(operand);
}

/** Indices of the main diagonal of an array with `ndim` axes of size `n`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.diag_indices.html */
export function diagIndices(n: number, ndim = 2): Array[] {
  const index = counting(asShape("diagIndices", [n]), 0);
  return range(wholeOf("diagIndices", "ndim", ndim, 0)).map(() => index);
}
