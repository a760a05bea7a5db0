/** Arrays put in order, and the order itself. */

import { describe } from "../../base/describe.ts";
import type { DType } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { canonicalAxis, sameShape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { listOf, optionsOf } from "../arguments.ts";
import * as lax from "../lax/index.ts";
import { ravel } from "./shape.ts";
import { staticJit } from "./static-jit.ts";

/** Options of `sort` and `argsort`. */
export interface SortOptions {
  /** The last axis if absent; null flattens the array first. */
  readonly axis?: number | null;
  /** Has no effect on results: every sort is stable. */
  readonly stable?: boolean;
  /** From the largest to the smallest, NaN first. */
  readonly descending?: boolean;
}

/** The array, flat where no axis is named, and the axis. */
function along(op: string, x: Array, axis: number | null): { readonly operand: Array; readonly dimension: number } {
  if (axis === null) return { operand: ravel(x), dimension: 0 };
  return { operand: x, dimension: canonicalAxis(op, axis, x.ndim) };
}

const sorted = staticJit("sort", (axis: number | null, isStable: boolean, descending: boolean) => (x: Array) => {
  const { operand, dimension } = along("sort", x, axis);
  const result = lax.sort(operand, { dimension, isStable });
  return descending ? lax.rev(result, [dimension]) : result;
});
/**
 * Elements in rising order along an axis; NaN last, −0 and 0 equal. Descending is the reverse of it.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sort.html
 */
export const sort = (x: ArrayLike, options?: SortOptions): Array => {
  const { axis, stable, descending } = optionsOf("sort", options, { axis: -1, stable: true, descending: false });
  return sorted(axis, stable, descending)(asArray("sort", x));
};

const sortedPlaces = staticJit(
  "argsort",
  (axis: number | null, isStable: boolean, descending: boolean, dtype: DType) => (x: Array) => {
    const { operand, dimension } = along("argsort", x, axis);
    const places = lax.broadcastedIota(dtype, operand.shape, dimension);
    // Both reversed before and after, equal elements keep their order.
    const turned = (y: Array): Array => (descending && isStable ? lax.rev(y, [dimension]) : y);
    const [, order] = lax.sortKeyVal(turned(operand), turned(places), { dimension, isStable });
    return descending ? lax.rev(order, [dimension]) : order;
  },
);
/**
 * Places of the elements, int32, in the order that sorts them along an axis; equal elements keep their order, also descending.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.argsort.html
 */
export const argsort = (x: ArrayLike, options?: SortOptions & { readonly dtype?: "int32" | "uint32" }): Array => {
  const { axis, stable, descending, dtype } = optionsOf("argsort", options, {
    axis: -1,
    stable: true,
    descending: false,
    dtype: "int32",
  });
  return sortedPlaces(axis, stable, descending, dtype)(asArray("argsort", x));
};

const orderOfKeys = staticJit("lexsort", (axis: number) => (...keys: readonly Array[]) => {
  const dimension = canonicalAxis("lexsort", axis, keys[0].ndim);
  const places = lax.broadcastedIota("int32", keys[0].shape, dimension);
  const results = lax.sort([...keys.toReversed(), places], { dimension, numKeys: keys.length });
  return results[results.length - 1];
});
/**
 * Places, int32, in the order that sorts by several keys, the last the most significant.
 * @throws ShapeError unless the keys have one shape
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.lexsort.html
 */
export function lexsort(keys: readonly ArrayLike[], axis = -1): Array {
  const operands = listOf("lexsort", "keys", keys).map((x) => asArray("lexsort", x));
  if (operands.length === 0) throw new ShapeError("lexsort: there must be a key; got none");
  const [first] = operands;
  if (!operands.every((x) => sameShape(x.shape, first.shape)))
    throw new ShapeError(
      `lexsort: keys must have one shape; got ${operands.map((x) => formatAval(x.aval)).join(" and ")}`,
    );
  return first.ndim === 0 ? lax.full([], 0, "int32") : orderOfKeys(axis)(...operands);
}

function checkKth(op: string, x: Array, kth: number, dimension: number): number {
  const size = x.shape[dimension];
  if (!Number.isInteger(kth) || kth < -size || kth >= size)
    throw new ShapeError(`${op}: kth must be in [${-size}, ${size}); got ${describe(kth)} for ${formatAval(x.aval)}`);
  return kth < 0 ? kth + size : kth;
}

/**
 * Element `kth` of every row where sorting would put it, none before it larger, none after it smaller: the rows sorted.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.partition.html
 */
export function partition(x: ArrayLike, kth: number, axis = -1): Array {
  const operand = asArray("partition", x);
  checkKth("partition", operand, kth, canonicalAxis("partition", axis, operand.ndim));
  return sort(operand, { axis });
}

/** Places, int32, in an order as `partition` makes. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.argpartition.html */
export function argpartition(x: ArrayLike, kth: number, axis = -1): Array {
  const operand = asArray("argpartition", x);
  checkKth("argpartition", operand, kth, canonicalAxis("argpartition", axis, operand.ndim));
  return argsort(operand, { axis });
}

/** A static size, as an argument that data would decide otherwise. @throws ShapeError, DTypeError */
export function staticSize(op: string, size: number | undefined): number {
  if (size === undefined)
    throw new ShapeError(`${op}: size must be given, for shapes do not depend on values; got none`);
  if (!Number.isInteger(size) || size < 0)
    throw new DTypeError(`${op}: size must be an integer of at least 0; got ${describe(size)}`);
  return size;
}
