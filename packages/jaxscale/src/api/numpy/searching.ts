/** Where values are, or belong. */

import { isFloat } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { sizeOf, stridesOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { add, sub } from "../../primitives/arithmetic.ts";
import { div, rem } from "../../primitives/division.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { oneOf, optionsOf } from "../arguments.ts";
import * as lax from "../lax/index.ts";
import { at } from "./at.ts";
import { binary } from "./equations.ts";
import { where } from "./logic.ts";
import { promoteTypesOf, truth } from "./promotion.ts";
import { sum } from "./reductions.ts";
import { atleast1d, ravel } from "./shape.ts";
import { staticSize } from "./sorting.ts";
import { staticJit } from "./static-jit.ts";

export type Side = "left" | "right";
/** Options of `searchsorted`. */
export interface SearchOptions {
  /** Of places before and after equal elements: "left" (the default) is before. */
  readonly side?: Side;
  /** By bisection ("scan" or "scan_unrolled", which are one here), against every element, or by sorting both together. */
  readonly method?: "scan" | "scan_unrolled" | "compare_all" | "sort";
  /** Places that sort the array, if it is not sorted. */
  readonly sorter?: ArrayLike;
}

// In the order of sorting: NaN after all numbers.
const isNaNOf = (x: Array): Array => lax.ne(x, x);
const before = (x: Array, y: Array): Array => {
  if (!isFloat(x.dtype)) return lax.lt(x, y);
  return lax.bitwiseOr(lax.lt(x, y), lax.bitwiseAnd(isNaNOf(y), lax.bitwiseNot(isNaNOf(x))));
};
const notAfter = (x: Array, y: Array): Array => lax.bitwiseNot(before(y, x));

const elementsAt = (x: Array, places: Array): Array =>
  lax.gather(x, lax.expandDims(places, [places.ndim]), {
    dimensionNumbers: { offsetDims: [], collapsedSliceDims: [0], startIndexMap: [0] },
    sliceSizes: [1],
  });

function bisect(x: Array, query: Array, side: Side): Array {
  const size = x.shape[0];
  const goesLeft = side === "left" ? notAfter : before;
  let low = lax.full(query.shape, 0, "int32");
  let high = lax.full(query.shape, size, "int32");
  for (let level = Math.ceil(Math.log2(size + 1)); level > 0; level--) {
    const half = lax.shiftRightLogical(lax.sub(high, low), scalarOf(1, "int32"));
    const middle = lax.add(low, half);
    const left = goesLeft(query, elementsAt(x, middle));
    [low, high] = [lax.select(left, low, middle), lax.select(left, middle, high)];
  }
  return high;
}

function countBefore(x: Array, query: Array, side: Side): Array {
  const spread = lax.broadcastInDim(x, { shape: [x.shape[0], ...query.shape], broadcastDimensions: [0] });
  const queries = lax.broadcastInDim(query, {
    shape: spread.shape,
    broadcastDimensions: query.shape.map((_, i) => i + 1),
  });
  return sum((side === "left" ? before : notAfter)(spread, queries), { axis: 0, dtype: "int32" });
}

/** Where sorting would put each element of a vector. */
function rank(x: Array): Array {
  const places = lax.iota("int32", x.shape[0]);
  const [, order] = lax.sortKeyVal(x, places);
  return lax.sortKeyVal(order, places)[1];
}

function rankTogether(x: Array, query: Array, side: Side): Array {
  const queries = ravel(query);
  const [parts, start] = side === "left" ? [[queries, x], 0] : [[x, queries], x.shape[0]];
  const together = lax.sliceInDim(rank(lax.concatenate(parts, 0)), start, start + queries.shape[0]);
  return lax.reshape(lax.sub(together, rank(queries)), query.shape);
}

const searches = { scan: bisect, scan_unrolled: bisect, compare_all: countBefore, sort: rankTogether };
const searched = staticJit("searchsorted", (side: Side, method: keyof typeof searches) => (x: Array, query: Array) => {
  const [sorted, queries] = promoteTypesOf("searchsorted", x, query);
  if (sorted.shape[0] === 0) return lax.full(queries.shape, 0, "int32");
  return searches[method](sorted, queries, side);
});

/**
 * Places, int32 in the shape of `query`, where its elements can be put into a sorted vector so that it stays sorted. NaN is last.
 * @throws ShapeError unless x is a vector
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.searchsorted.html
 */
export function searchsorted(x: ArrayLike, query: ArrayLike, options?: SearchOptions): Array {
  const { side, method, sorter } = optionsOf("searchsorted", options, {
    side: "left",
    method: "scan",
    sorter: undefined,
  });
  const given = asArray("searchsorted", x);
  if (given.ndim !== 1) throw new ShapeError(`searchsorted: x must be a vector; got ${formatAval(given.aval)}`);
  oneOf("searchsorted", "side", side, ["left", "right"]);
  oneOf("searchsorted", "method", method, Object.keys(searches) as (keyof typeof searches)[]);
  const sorted = sorter === undefined ? given : at(given, asArray("searchsorted", sorter)).get();
  return searched(side, method)(sorted, asArray("searchsorted", query));
}

/**
 * The bin, int32, that each element of x falls into: how many of the monotonic `bins` lie to its left.
 * @throws ShapeError unless bins are a vector
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.digitize.html
 */
export function digitize(x: ArrayLike, bins: ArrayLike, options?: { readonly right?: boolean }): Array {
  const { right } = optionsOf("digitize", options, { right: false });
  const [values, edges] = [asArray("digitize", x), asArray("digitize", bins)];
  if (edges.ndim !== 1) throw new ShapeError(`digitize: bins must be a vector; got ${formatAval(edges.aval)}`);
  const count = edges.shape[0];
  if (count === 0) return lax.full(values.shape, 0, "int32");
  const side = right ? "left" : "right";
  const rising = lax.ge(
    lax.indexInDim(edges, count - 1, { keepdims: false }),
    lax.indexInDim(edges, 0, { keepdims: false }),
  );
  const falling = binary(sub, count, searchsorted(lax.rev(edges, [0]), values, { side }));
  return where(rising, searchsorted(edges, values, { side }), falling);
}

/** Options of `nonzero`, `argwhere` and `flatnonzero`, whose results need a static size. */
export interface NonzeroOptions {
  /** How many places the result has: later ones are left out, missing ones filled. */
  readonly size?: number;
  /** Fill value of missing indices, one number for all axes or one each; 0 if absent. */
  readonly fillValue?: ArrayLike | readonly ArrayLike[] | null;
}

/**
 * Places of the first `size` elements that are not 0, in row-major order: an int32 vector for each axis.
 * @throws ShapeError without a size, or for a scalar
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.nonzero.html
 */
export function nonzero(x: ArrayLike, options?: NonzeroOptions): Array[] {
  const { size: given, fillValue } = optionsOf("nonzero", options, { size: undefined, fillValue: null });
  const operand = asArray("nonzero", x);
  const size = staticSize("nonzero", given);
  const { shape } = operand;
  if (shape.length === 0)
    throw new ShapeError(`nonzero: a scalar has no places; got ${formatAval(operand.aval)}. Use atleast1d`);
  if (size === 0 || shape.includes(0)) return shape.map(() => lax.full([size], 0, "int32"));
  const counts = lax.cumsum(lax.convertElementType(ravel(truth(operand)), "int32"));
  // The place of the n-th one is the first with a count of n.
  const numbers = binary(add, lax.iota("int32", size), 1);
  const places = bisect(counts, numbers, "left");
  const total = lax.indexInDim(counts, sizeOf(shape) - 1, { keepdims: false });
  const missing = lax.gt(numbers, lax.broadcastInDim(total, { shape: [size], broadcastDimensions: [] }));
  const fills = globalThis.Array.isArray(fillValue) ? fillValue : shape.map(() => fillValue);
  if (fills.length !== shape.length)
    throw new ShapeError(
      `nonzero: fillValue must be one number, or one for each of ${shape.length} axes; got ${fills.length}`,
    );
  const strides = stridesOf(shape);
  return shape.map((length, axis) => {
    const along = binary(rem, binary(div, places, strides[axis]), length);
    // Missing places lie behind the last element, which is 0 along every axis.
    return fills[axis] === null ? along : where(missing, fills[axis] as ArrayLike, along);
  });
}

/** Places of the first `size` elements of the flattened array that are not 0. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.flatnonzero.html */
export const flatnonzero = (x: ArrayLike, options?: NonzeroOptions): Array => nonzero(ravel(x), options)[0];

/** Places of the first `size` elements that are not 0, a row of int32 each. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.argwhere.html */
export function argwhere(x: ArrayLike, options?: NonzeroOptions): Array {
  const operand = asArray("argwhere", x);
  const columns = nonzero(atleast1d(operand), options).map((places) => lax.expandDims(places, [1]));
  const rows = lax.concatenate(columns, 1);
  return operand.ndim === 0 ? lax.sliceInDim(rows, 0, 0, { axis: 1 }) : rows;
}

/** Elements of the flattened x where the condition is not 0, the first `size` of them. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.extract.html */
export function extract(
  condition: ArrayLike,
  x: ArrayLike,
  options?: { readonly size?: number; readonly fillValue?: ArrayLike },
): Array {
  const { size, fillValue } = optionsOf("extract", options, { size: undefined, fillValue: 0 });
  const operand = ravel(asArray("extract", x));
  const flags = truth(ravel(asArray("extract", condition)));
  const wanted = staticSize("extract", size);
  const chosen = at(operand, nonzero(flags, { size: wanted })[0]).get();
  const count = sum(flags, { dtype: "int32" });
  const present = lax.lt(
    lax.iota("int32", wanted),
    lax.broadcastInDim(count, { shape: [wanted], broadcastDimensions: [] }),
  );
  return where(present, chosen, lax.convertElementType(asArray("extract", fillValue), operand.dtype));
}
