/** Order along an axis: sorted operands, the largest elements. */
import { canonicalAxis } from "../../base/shapes.ts";
import { sort as sortPrimitive } from "../../primitives/sort.ts";
import { topK as topKPrimitive } from "../../primitives/top-k.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";

/** Options of `lax.sort`. */
export interface SortOptions {
  /** The axis sorted along; the last if absent. */
  readonly dimension?: number;
  /** Has no effect: every sort is stable. */
  readonly isStable?: boolean;
  /** Leading operands that are compared, the first the most significant; 1 if absent. */
  readonly numKeys?: number;
}

/**
 * Ascending along an axis; several operands of one shape move together, ordered by the first `numKeys`. NaN comes last,
 * −0 and 0 are equal, equal elements keep their order.
 * @throws ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sort.html
 */
export function sort(operand: ArrayLike, options?: SortOptions): Array;
export function sort(operands: readonly ArrayLike[], options?: SortOptions): Array[];
export function sort(operands: ArrayLike | readonly ArrayLike[], options?: SortOptions): Array | Array[] {
  const { dimension, isStable, numKeys } = optionsOf("sort", options, { dimension: -1, isStable: true, numKeys: 1 });
  const several = globalThis.Array.isArray(operands);
  const list = (several ? operands : [operands]).map((x) => asArray("sort", x as ArrayLike));
  const axis = list.length === 0 ? 0 : canonicalAxis("sort", dimension, list[0].ndim);
  const results = bind(sortPrimitive, list, { dimension: axis, isStable, numKeys });
  return several ? [...results] : results[0];
}

/** `values` in the order of `keys`, and the keys sorted. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sort_key_val.html */
export function sortKeyVal(
  keys: ArrayLike,
  values: ArrayLike,
  options?: Omit<SortOptions, "numKeys">,
): [keys: Array, values: Array] {
  const order = optionsOf("sort_key_val", options, { dimension: -1, isStable: true });
  return sort([keys, values], order) as [Array, Array];
}

/**
 * The k largest elements along an axis in falling order, and their int32 places. NaN counts as largest, −0 below 0; of equal
 * elements the first comes first. Takes one pass over the elements for k up to 64.
 * @throws ShapeError for k larger than the axis
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.top_k.html
 */
export function topK(x: ArrayLike, k: number, options?: { readonly axis?: number }): [values: Array, places: Array] {
  const { axis } = optionsOf("top_k", options, { axis: -1 });
  const operand = asArray("top_k", x);
  // The op reports that a scalar has no axis.
  const along = operand.ndim === 0 ? 0 : canonicalAxis("top_k", axis, operand.ndim);
  return bind(topKPrimitive, [operand], { k, axis: along }) as [Array, Array];
}
