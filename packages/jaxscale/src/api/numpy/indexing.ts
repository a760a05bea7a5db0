/** Reading parts of an array by NumPy's rules: static slices, starts decided on the device, gathers. */

import { type DType, isBool, isFloat, kindOf, rangeOf } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { dynamicSlice } from "../../primitives/dynamic-slice.ts";
import { gather } from "../../primitives/gather.ts";
import { slice as slicePrimitive } from "../../primitives/slice.ts";
import type { GatherScatterMode } from "../../primitives/window-map.ts";
import type { Array } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { oneOf, optionsOf } from "../arguments.ts";
import { convert, dropAxes, filled, insertAxes, reversed, wrapNegative } from "./equations.ts";
import { gatherIndex } from "./gather-index.ts";
import { type Index, lengthOf, type ParsedEntry, parseIndex } from "./index-spec.ts";

export { type Index, type IndexEntry, Slice, slice } from "./index-spec.ts";

/**
 * Handling of out-of-bounds indices: "fill" reads `fillValue`, "drop" writes nothing (each means both),
 * "clip" moves them to the edge, "promise_in_bounds" promises that there are none.
 */
export type IndexMode = "fill" | "drop" | "clip" | "promise_in_bounds";

const modes: Record<IndexMode, GatherScatterMode> = {
  fill: "FILL_OR_DROP",
  drop: "FILL_OR_DROP",
  clip: "CLIP",
  promise_in_bounds: "PROMISE_IN_BOUNDS",
};

/** Default fill value of out-of-bounds reads: NaN, the least signed or greatest unsigned integer, true. */
export function defaultFill(dtype: DType): number | boolean {
  if (isBool(dtype)) return true;
  if (isFloat(dtype)) return Number.NaN;
  const { min, max } = rangeOf(dtype);
  return kindOf(dtype) === "signed" ? min : max;
}

/** @throws DTypeError for another name */
export function gatherMode(op: string, mode: IndexMode): GatherScatterMode {
  return modes[oneOf(op, "mode", mode, Object.keys(modes) as (keyof typeof modes)[])];
}

/** Options of indexed reads and updates. */
export interface IndexOptions {
  readonly mode?: IndexMode;
  /** A promise that starts are sorted, which may be faster. */
  readonly indicesAreSorted?: boolean;
  /** A promise that no index repeats, which may be faster. */
  readonly uniqueIndices?: boolean;
  /** Whether indices below 0 count from the end; true by default. */
  readonly wrapNegativeIndices?: boolean;
}
/** Options of `x.at(…).get`. */
export interface GetOptions extends IndexOptions {
  /** Value of out-of-bounds reads in mode "fill". If absent: NaN, the least signed or greatest unsigned integer, true. */
  readonly fillValue?: number | boolean;
}

/** Indexing may be promised more than is known. */
export const indexDefaults = {
  mode: undefined,
  indicesAreSorted: false,
  uniqueIndices: false,
  wrapNegativeIndices: true,
} as const;

type Entries = readonly ParsedEntry[];

/** Where the new axes of an index lie in its result, of the entries that keep an axis. */
const newAxesOf = (entries: Entries): number[] =>
  entries
    .filter((entry) => entry.kind === "newaxis" || entry.kind === "slice")
    .flatMap((entry, i) => (entry.kind === "newaxis" ? [i] : []));

const finish = (op: string, x: Array, entries: Entries): Array => {
  const backwards = entries.flatMap((entry) => (entry.kind === "slice" && entry.step < 0 ? [entry.axis] : []));
  const dropped = entries.flatMap((entry) => (entry.kind === "integer" || entry.kind === "array" ? [entry.axis] : []));
  return insertAxes(op, dropAxes(reversed(x, backwards), dropped), newAxesOf(entries));
};

/** First element (in memory's order) that a slice takes, and its number of elements. */
function forwards({ start, stop, step }: Extract<ParsedEntry, { kind: "slice" }>): { start: number; length: number } {
  const length = lengthOf({ start, stop, step });
  return { start: step > 0 ? start : length > 0 ? start + (length - 1) * step : start + 1, length };
}

/** Numbers in range and slices alone: known while tracing. Null if there are others. */
function staticPart(op: string, x: Array, entries: Entries, clip: boolean, wrap: boolean): Array | null {
  const bounds: { start: number; limit: number; step: number }[] = [];
  for (const entry of entries) {
    if (entry.kind === "newaxis") continue;
    if (entry.kind === "array") return null;
    const size = x.shape[entry.axis];
    if (entry.kind === "integer") {
      const at = wrap && entry.index < 0 ? entry.index + size : entry.index;
      if (size === 0 || (!clip && (at < 0 || at >= size))) return null;
      const start = Math.min(Math.max(at, 0), size - 1);
      bounds.push({ start, limit: start + 1, step: 1 });
    } else {
      const { start, length } = forwards(entry);
      const limit = length === 0 ? start : entry.step < 0 ? entry.start + 1 : Math.max(entry.start, entry.stop);
      bounds.push({ start, limit, step: Math.abs(entry.step) });
    }
  }
  const trivial = bounds.every(({ start, limit, step }, axis) => start === 0 && step === 1 && limit === x.shape[axis]);
  const strides = bounds.every(({ step }) => step === 1) ? null : bounds.map(({ step }) => step);
  const part = trivial
    ? x
    : bind1(slicePrimitive, [x], {
        startIndices: bounds.map(({ start }) => start),
        limitIndices: bounds.map(({ limit }) => limit),
        strides,
      });
  return finish(op, part, entries);
}

/** Numbers, integer scalars and slices of step ±1: a box whose start may be computed. Null if there are others. */
function dynamicPart(op: string, x: Array, entries: Entries, wrap: boolean): Array | null {
  const starts: Array[] = [];
  const sizes: number[] = [];
  for (const entry of entries) {
    if (entry.kind === "newaxis") continue;
    if (entry.kind === "array" && entry.index.ndim > 0) return null;
    if (entry.kind === "slice") {
      if (Math.abs(entry.step) !== 1) return null;
      const { start, length } = forwards(entry);
      starts.push(scalarOf(start, "int32"));
      sizes.push(length);
    } else {
      if (x.shape[entry.axis] === 0)
        throw new ShapeError(
          `${op}: an empty axis has no element to index; got axis ${entry.axis} of ${formatShape(x.shape)}`,
        );
      starts.push(entry.kind === "integer" ? asArray(op, entry.index) : entry.index);
      sizes.push(1);
    }
  }
  if (entries.every((entry) => entry.kind === "newaxis" || (entry.kind === "slice" && entry.whole)))
    return finish(op, x, entries);
  const alike = starts.length > 1 ? starts.map((start) => convert(start, "int32")) : starts;
  const wrapped = alike.map((start, axis) =>
    wrap && kindOf(start.dtype) === "signed" ? wrapNegative(start, x.shape[axis]) : start,
  );
  return finish(op, bind1(dynamicSlice, [x, ...wrapped], { sliceSizes: sizes }), entries);
}

function gatheredPart(op: string, x: Array, index: Index, mode: GatherScatterMode, options: GetOptions): Array {
  const { fillValue, indicesAreSorted = false, uniqueIndices = false, wrapNegativeIndices = true } = options;
  const at = gatherIndex(op, parseIndex(op, index, x.shape), x.shape, wrapNegativeIndices);
  if (at.shape.includes(0)) return filled(0, at.shape, x.dtype, x.weakType);
  const part =
    at.indices.size === 0
      ? x
      : bind1(gather, [x, at.indices], {
          dimensionNumbers: {
            offsetDims: at.offsetDims,
            collapsedSliceDims: at.collapsedSliceDims,
            startIndexMap: at.startIndexMap,
            operandBatchingDims: [],
            startIndicesBatchingDims: [],
          },
          sliceSizes: at.sliceSizes,
          mode,
          fillValue: mode === "FILL_OR_DROP" ? (fillValue ?? defaultFill(x.dtype)) : null,
          indicesAreSorted: indicesAreSorted || at.distinct,
          uniqueIndices: uniqueIndices || at.distinct,
        });
  return insertAxes(op, reversed(part, at.reversedAxes), at.newAxes);
}

/** The part of x that an index names. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ndarray.at.html */
export function getAt(x: Array, index: Index, given?: GetOptions): Array {
  const op = "index";
  const options = optionsOf(op, given, { ...indexDefaults, fillValue: undefined });
  const mode = options.mode === undefined ? undefined : gatherMode(op, options.mode);
  const { entries } = parseIndex(op, index, x.shape);
  const wrap = options.wrapNegativeIndices;
  if (mode !== "FILL_OR_DROP") {
    const part = staticPart(op, x, entries, mode === "CLIP", wrap) ?? dynamicPart(op, x, entries, wrap);
    if (part) return part;
  }
  return gatheredPart(op, x, index, mode ?? "PROMISE_IN_BOUNDS", options);
}
