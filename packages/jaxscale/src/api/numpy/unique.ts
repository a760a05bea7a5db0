/** Distinct elements. */
import { isFloat } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxis, sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { sub } from "../../primitives/arithmetic.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import * as lax from "../lax/index.ts";
import { at } from "./at.ts";
import { binary } from "./equations.ts";
import { where } from "./logic.ts";
import { any, sum } from "./reductions.ts";
import { nonzero } from "./searching.ts";
import { moveaxis, ravel } from "./shape.ts";
import { staticSize } from "./sorting.ts";

/** Options of `unique`. */
export interface UniqueOptions {
  /** How many elements the result has: the largest beyond it are left out, missing ones filled. */
  readonly size?: number;
  /** Fill value of missing elements; the smallest element if absent. */
  readonly fillValue?: ArrayLike | null;
  /** Distinct slices along an axis, instead of elements of the flattened array. */
  readonly axis?: number | null;
  /** Whether all NaN are one (the default). */
  readonly equalNan?: boolean;
}
/** Options of `unique` with more results than the elements. */
export interface UniqueParts extends UniqueOptions {
  /** Also the first place of each. */
  readonly returnIndex?: boolean;
  /** Also, for each element of x, its place among the distinct ones. */
  readonly returnInverse?: boolean;
  /** Also how often each occurs. */
  readonly returnCounts?: boolean;
}

/** Slices along axis 0 in order, whether each differs from the one before, and where it was. */
function sortedSlices(
  x: Array,
  equalNan: boolean,
): { readonly sorted: Array; readonly first: Array; readonly order: Array } {
  const size = x.shape[0];
  const width = sizeOf(x.shape.slice(1));
  const flat = lax.reshape(x, [size, width]);
  const columns = globalThis.Array.from({ length: width }, (_, i) =>
    lax.reshape(lax.sliceInDim(flat, i, i + 1, { axis: 1 }), [size]),
  );
  const [order] = lax.sort([...columns, lax.iota("int32", size)], { numKeys: width }).slice(-1);
  const sorted = at(x, order).get();
  const differs = (a: Array, b: Array): Array => {
    const unequal = lax.ne(a, b);
    if (!isFloat(a.dtype) || !equalNan) return unequal;
    return lax.bitwiseAnd(unequal, lax.bitwiseNot(lax.bitwiseAnd(lax.ne(a, a), lax.ne(b, b))));
  };
  const changes = differs(lax.sliceInDim(sorted, 1, size), lax.sliceInDim(sorted, 0, size - 1));
  const begins = x.ndim === 1 ? changes : any(changes, { axis: x.shape.slice(1).map((_, i) => i + 1) });
  return { sorted, order, first: lax.concatenate([lax.full([1], true), begins], 0) };
}

/**
 * The distinct elements in rising order, NaN last; as many as `size` says. With any of the `return…` options, a list of it and what
 * they ask for, in their order; all int32.
 * @throws ShapeError without a size, or for an empty array without a fill value
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.unique.html
 */
export function unique(x: ArrayLike, options?: UniqueOptions): Array;
export function unique(x: ArrayLike, options?: UniqueParts): Array | Array[];
export function unique(x: ArrayLike, options?: UniqueParts): Array | Array[] {
  const results = distinct(x, optionsOf<UniqueParts, typeof defaults>("unique", options, defaults));
  return results.length === 1 ? results[0] : results;
}

const defaults = {
  size: undefined,
  fillValue: null,
  axis: null,
  equalNan: true,
  returnIndex: false,
  returnInverse: false,
  returnCounts: false,
} as const;

function distinct(x: ArrayLike, options: UniqueParts): Array[] {
  const given = asArray("unique", x);
  const size = staticSize("unique", options.size);
  const axis =
    options.axis === undefined || options.axis === null ? null : canonicalAxis("unique", options.axis, given.ndim);
  const operand = axis === null ? ravel(given) : moveaxis(given, axis, 0);
  const fillValue = options.fillValue ?? null;
  const parts = operand.size === 0 ? emptyParts(operand, size, fillValue) : partsOf(operand, size, fillValue, options);
  const values = axis === null ? parts.values : moveaxis(parts.values, 0, axis);
  const inverse = axis === null ? lax.reshape(parts.inverse(), given.shape) : parts.inverse();
  return [
    values,
    ...(options.returnIndex ? [parts.index()] : []),
    ...(options.returnInverse ? [inverse] : []),
    ...(options.returnCounts ? [parts.counts()] : []),
  ];
}

interface Parts {
  readonly values: Array;
  readonly index: () => Array;
  readonly inverse: () => Array;
  readonly counts: () => Array;
}

function emptyParts(x: Array, size: number, fillValue: ArrayLike | null): Parts {
  if (fillValue === null && size > 0)
    throw new ShapeError(`unique: an empty array needs a fill value; got ${formatAval(x.aval)} and size ${size}`);
  const zeros = (): Array => lax.full([size], 0, "int32");
  const fill = lax.convertElementType(asArray("unique", fillValue ?? 0), x.dtype);
  return {
    values: lax.full([size, ...x.shape.slice(1)], fill),
    index: zeros,
    inverse: () => lax.full([x.shape[0]], 0, "int32"),
    counts: zeros,
  };
}

function partsOf(x: Array, size: number, fillValue: ArrayLike | null, { equalNan = true }: UniqueOptions): Parts {
  const { sorted, first, order } = sortedSlices(x, equalNan);
  const [places] = nonzero(first, { size });
  const chosen = at(sorted, places).get();
  const count = sum(first, { dtype: "int32" });
  return {
    values: fillValue === null ? chosen : filled(chosen, count, fillValue),
    index: () => at(order, places).get(),
    inverse: () => {
      const ranks = binary(sub, lax.cumsum(lax.convertElementType(first, "int32")), 1);
      // Back in the order of x: sorted by where each came from.
      return lax.sortKeyVal(order, ranks)[1];
    },
    counts: () => {
      const total = scalarOf(x.shape[0], "int32");
      const starts = nonzero(first, { size: size + 1, fillValue: total })[0];
      return lax.sub(lax.sliceInDim(starts, 1, size + 1), lax.sliceInDim(starts, 0, size));
    },
  };
}

function filled(chosen: Array, count: Array, fillValue: ArrayLike): Array {
  const fill = lax.convertElementType(asArray("unique", fillValue), chosen.dtype);
  const rows = lax.broadcastedIota("int32", [chosen.shape[0], ...chosen.shape.slice(1).map(() => 1)], 0);
  return where(lax.lt(rows, count), chosen, fill);
}

type SizeOptions = Pick<UniqueOptions, "size" | "fillValue">;
const sizeOptions = (op: string, options: SizeOptions): SizeOptions =>
  optionsOf(op, options, { size: undefined, fillValue: null });

/** Without NaN taken as equal. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.unique_values.html */
export const uniqueValues = (x: ArrayLike, options: SizeOptions): Array =>
  unique(x, { ...sizeOptions("uniqueValues", options), equalNan: false });
/** Values and how often each occurs. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.unique_counts.html */
export const uniqueCounts = (x: ArrayLike, options: SizeOptions): [Array, Array] =>
  distinct(x, { ...sizeOptions("uniqueCounts", options), equalNan: false, returnCounts: true }) as [Array, Array];
/** Values and the place of each element of x among them. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.unique_inverse.html */
export const uniqueInverse = (x: ArrayLike, options: SizeOptions): [Array, Array] =>
  distinct(x, { ...sizeOptions("uniqueInverse", options), equalNan: false, returnInverse: true }) as [Array, Array];
