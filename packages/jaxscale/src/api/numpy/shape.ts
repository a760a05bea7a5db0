/** Changes the shape or the order of axes. */
import { ShapeError } from "../../base/errors.ts";
import {
  axesOf,
  broadcastShapes,
  canonicalAxes,
  canonicalAxis,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
} from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { wholesOf } from "../arguments.ts";
import { innerJit } from "../inner-jit.ts";
import { dropAxes, insertAxes, permute, range, reshapeTo, spread } from "./equations.ts";

type Axes = number | readonly number[];

/**
 * The elements in row-major order in another shape; one size may be −1.
 * @throws ShapeError if the sizes do not multiply to x's
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.reshape.html
 */
export function reshape(x: ArrayLike, shape: number | Shape): Array {
  const operand = asArray("reshape", x);
  const wanted = wholesOf("reshape", "sizes", shape);
  const open = wanted.filter((n) => n === -1).length;
  if (open > 1) throw new ShapeError(`reshape: only one size may be -1; got ${formatShape(wanted)}`);
  const known = sizeOf(wanted.filter((n) => n !== -1));
  const missing = known === 0 ? 0 : operand.size / known;
  const sizes = wanted.map((n) => (n === -1 ? missing : n));
  if (!sizes.every((n) => Number.isInteger(n) && n >= 0) || sizeOf(sizes) !== operand.size || (open > 0 && known === 0))
    throw new ShapeError(
      `reshape: sizes must multiply to ${operand.size}; got ${formatShape(wanted)} for ${formatAval(operand.aval)}`,
    );
  return reshapeTo(operand, sizes);
}

/** All elements in one axis, row-major. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ravel.html */
export function ravel(x: ArrayLike): Array {
  const operand = asArray("ravel", x);
  return reshapeTo(operand, [operand.size]);
}

/**
 * Axis `i` of the result is axis `axes[i]` of x; without axes, all in reverse.
 * @throws ShapeError unless axes are a permutation
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.transpose.html
 */
export function transpose(x: ArrayLike, axes?: readonly number[] | null): Array {
  const operand = asArray("transpose", x);
  if (!axes) return permute(operand, range(operand.ndim).reverse());
  return permuteDims(operand, axes);
}

/** As `transpose` with axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.permute_dims.html */
export function permuteDims(x: ArrayLike, axes: readonly number[]): Array {
  const operand = asArray("permuteDims", x);
  const order = wholesOf("permuteDims", "axes", axes).map((axis) => canonicalAxis("permuteDims", axis, operand.ndim));
  if (order.length !== operand.ndim || new Set(order).size !== order.length)
    throw new ShapeError(
      `permuteDims: axes must be a permutation of those of ${formatAval(operand.aval)}; got (${axes.join(", ")})`,
    );
  return permute(operand, order);
}

/** The last two axes exchanged. @throws ShapeError below two axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.matrix_transpose.html */
export function matrixTranspose(x: ArrayLike): Array {
  const operand = asArray("matrixTranspose", x);
  if (operand.ndim < 2)
    throw new ShapeError(`matrixTranspose: x must have at least 2 axes; got ${formatAval(operand.aval)}`);
  return swapaxes(operand, -1, -2);
}

/** Two axes exchanged. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.swapaxes.html */
export function swapaxes(x: ArrayLike, axis1: number, axis2: number): Array {
  const operand = asArray("swapaxes", x);
  const [a, b] = [axis1, axis2].map((axis) => canonicalAxis("swapaxes", axis, operand.ndim));
  return permute(operand, range(operand.ndim).with(a, b).with(b, a));
}

/**
 * Moves axes to other positions; the rest keep their order.
 * @throws ShapeError unless there are as many places as axes, all distinct
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.moveaxis.html
 */
export function moveaxis(x: ArrayLike, source: Axes, destination: Axes): Array {
  const operand = asArray("moveaxis", x);
  const [from, to] = [source, destination].map((axes) => {
    return axesOf("moveaxis", axes, operand.ndim);
  });
  if (from.length !== to.length)
    throw new ShapeError(
      `moveaxis: source and destination must name as many axes; got ${from.length} and ${to.length}`,
    );
  const order = range(operand.ndim).filter((axis) => !from.includes(axis));
  for (const i of range(to.length).sort((a, b) => to[a] - to[b])) order.splice(to[i], 0, from[i]);
  return permute(operand, order);
}

/** Axes of size 1 put where the result has them. @throws ShapeError for axes out of range or twice. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.expand_dims.html */
export const expandDims = (x: ArrayLike, axis: Axes): Array =>
  insertAxes("expandDims", asArray("expandDims", x), wholesOf("expandDims", "axis", axis));

/**
 * Axes of size 1 dropped: those named, or all.
 * @throws ShapeError if one named has another size
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.squeeze.html
 */
export function squeeze(x: ArrayLike, axis?: Axes | null): Array {
  const operand = asArray("squeeze", x);
  if (axis === undefined || axis === null)
    return dropAxes(
      operand,
      range(operand.ndim).filter((a) => operand.shape[a] === 1),
    );
  return dropAxes(operand, canonicalAxes("squeeze", axis, operand.ndim));
}

/**
 * x repeated along new leading axes and along axes of size 1.
 * @throws ShapeError if the shape does not fit
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.broadcast_to.html
 */
export function broadcastTo(x: ArrayLike, shape: number | Shape): Array {
  const operand = asArray("broadcastTo", x);
  const wanted = wholesOf("broadcastTo", "sizes", shape);
  if (sameShape(operand.shape, wanted)) return operand;
  const lead = wanted.length - operand.ndim;
  if (lead < 0 || operand.shape.some((n, axis) => n !== 1 && n !== wanted[lead + axis]))
    throw new ShapeError(
      `broadcastTo: sizes must agree or be 1, from the last axis; got ${formatAval(operand.aval)} and ${formatShape(wanted)}`,
    );
  return spread(operand, wanted, range(operand.ndim, lead));
}

/** All broadcast to their common shape. @throws ShapeError if there is none. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.broadcast_arrays.html */
export function broadcastArrays(...xs: readonly ArrayLike[]): Array[] {
  const operands = xs.map((x) => asArray("broadcastArrays", x));
  const shape = broadcastShapes("broadcastArrays", ...operands.map((x) => x.shape));
  return operands.map((x) => broadcastTo(x, shape));
}

type Ranked = { (x: ArrayLike): Array; (x: ArrayLike, ...more: ArrayLike[]): Array[] };

function atLeast(name: string, op: string, widen: (x: Array) => Array): Ranked {
  const one = innerJit(name, (x: Array) => widen(x));
  const many = innerJit(name, (...xs: readonly Array[]) => xs.map(widen));
  const call = (...xs: readonly ArrayLike[]): Array | readonly Array[] => {
    const operands = xs.map((x) => asArray(op, x));
    return operands.length === 1 ? one(operands[0]) : many(...operands);
  };
  return call as Ranked;
}

/** Scalars become vectors. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atleast_1d.html */
export const atleast1d: Ranked = atLeast("atleast_1d", "atleast1d", (x) => (x.ndim < 1 ? spread(x, [1], []) : x));

/** Axes of size 1 put in front up to two. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atleast_2d.html */
export const atleast2d: Ranked = atLeast("atleast_2d", "atleast2d", (x) =>
  insertAxes("atleast2d", x, range(Math.max(2 - x.ndim, 0))),
);

/** Up to three axes: `[n]` becomes `[1, n, 1]`, `[m, n]` `[m, n, 1]`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atleast_3d.html */
export const atleast3d: Ranked = atLeast("atleast_3d", "atleast3d", (x) =>
  insertAxes("atleast3d", x, [[0, 1, 2], [0, 2], [2]][x.ndim] ?? []),
);
