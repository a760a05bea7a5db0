/** Index syntax, `x.at(0, ":", slice(null, null, 2), ids)`, and its resolution against a shape. */
import { isBool, isInteger } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { forEachIndex, formatShape, type Shape, sameShape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { Array } from "../../trace/array.ts";
import { asarray } from "./creation.ts";
import { dtypeOfTyped, isList, leavesOfList, shapeOfList, type TypedArray } from "./host-data.ts";

/** `start:stop:step` of Python: negative bounds count from the end, null is the end in that direction. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;
  constructor(start: number | null, stop: number | null, step: number | null) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** Part of an axis, for an index: `slice(1, 5)`, also written `"1:5"`. A single bound is the start, as in JavaScript's own slices. */
export const slice = (start: number | null = null, stop: number | null = null, step: number | null = null): Slice =>
  new Slice(start, stop, step);

/**
 * One entry of an index: a whole number, a slice (as object or text `"start:stop:step"`), an integer array,
 * `null` or `"newaxis"` for a new axis, `"..."` for all axes not named, or nested lists of booleans: a mask over as many axes.
 */
export type IndexEntry = number | Slice | Array | TypedArray | Mask | null | "..." | "newaxis" | (string & {});
export type Mask = readonly (boolean | Mask)[];
/** An entry for each axis, from the first one on. */
export type Index = readonly IndexEntry[];

/** An entry with the axis that it indexes; slices of the axes left out are filled in. */
export type ParsedEntry =
  | { readonly kind: "integer"; readonly axis: number; readonly index: number }
  | {
      readonly kind: "slice";
      readonly axis: number;
      readonly start: number;
      readonly stop: number;
      readonly step: number;
      readonly whole: boolean;
    }
  | { readonly kind: "array"; readonly axis: number; readonly index: Array }
  | { readonly kind: "newaxis" };

export interface ParsedIndex {
  readonly entries: readonly ParsedEntry[];
  /** Whether integers and arrays stand next to each other as written: NumPy then leaves their axis in place. */
  readonly contiguous: boolean;
}

const sliceText = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/;

/** The places where a mask is true: an index array for each of its axes. */
function readMask(op: string, mask: readonly unknown[], shape: Shape, axis: number): Array[] {
  const leaves = leavesOfList(op, mask);
  if (leaves.length === 0 || !leaves.every((leaf) => typeof leaf === "boolean"))
    throw new DTypeError(
      `${op}: a list in an index must be a mask of booleans; got [${leaves.slice(0, 4).join(", ")}${leaves.length > 4 ? ", …" : ""}]. Use array([…]) for elements, slice(start, stop) or "start:stop" for a part`,
    );
  const sizes = shapeOfList(op, mask);
  if (!sameShape(sizes, shape.slice(axis, axis + sizes.length)))
    throw new ShapeError(
      `${op}: a mask must have the sizes of the axes it stands for; got ${formatShape(sizes)} at axis ${axis} of ${formatShape(shape)}`,
    );
  const places: number[][] = sizes.map(() => []);
  forEachIndex(sizes, (at, linear) => {
    if (leaves[linear]) at.forEach((i, a) => places[a].push(i));
  });
  return places.map((list) => asarray(Int32Array.from(list)));
}

/** Converts index entries to slices, arrays and numbers; rejects other values. */
function readEntry(op: string, entry: Exclude<IndexEntry, Mask> | undefined): number | Slice | Array | null | "..." {
  if (entry === null || entry === "newaxis" || entry === undefined) return null;
  if (entry === "...") return "...";
  if (entry instanceof Slice) return entry;
  if (typeof entry === "string") {
    const match = sliceText.exec(entry);
    if (!match)
      throw new DTypeError(
        `${op}: text in an index must be a slice such as "1:5" or "::-1", "..." or "newaxis"; got "${entry}"`,
      );
    const [start, stop, step] = match.slice(1).map((part) => (part === undefined ? null : Number(part)));
    return new Slice(start, stop, step);
  }
  if (typeof entry === "number") {
    if (!Number.isInteger(entry)) throw new DTypeError(`${op}: an index must be a whole number; got ${entry}`);
    return entry;
  }
  if (typeof entry === "boolean")
    throw new DTypeError(
      `${op}: a boolean is no index, for it would decide the shape; got ${entry}. Use where(condition, x, y)`,
    );
  const index = entry instanceof Array ? entry : dtypeOfTyped(entry) ? asarray(entry) : undefined;
  if (!index)
    throw new DTypeError(
      `${op}: an index must be made of numbers, slices, integer arrays, null or "..."; got ${typeof entry}`,
    );
  if (isBool(index.dtype))
    throw new DTypeError(
      `${op}: a boolean mask decides the shape of the result, which must be known; got ${formatAval(index.aval)}. Use where(mask, x, y), or a mask of JavaScript booleans`,
    );
  if (!isInteger(index.dtype))
    throw new DTypeError(`${op}: index arrays must be integers; got ${formatAval(index.aval)}`);
  return index;
}

/**
 * Resolves an index against a shape.
 * @throws ShapeError for too many entries or two "..."; DTypeError for entries that are no index
 */
export function parseIndex(op: string, index: Index, shape: Shape): ParsedIndex {
  const read: ReturnType<typeof readEntry>[] = [];
  for (const [i, entry] of index.entries()) {
    if (isList(entry)) read.push(...readMask(op, entry, shape, axisOfEntry(index, i, shape)));
    else read.push(readEntry(op, entry));
  }
  const consumed = read.filter((entry) => entry !== null && entry !== "...").length;
  if (consumed > shape.length)
    throw new ShapeError(
      `${op}: an index must have at most one entry an axis; got ${consumed} for ${formatShape(shape)}`,
    );
  if (read.filter((entry) => entry === "...").length > 1)
    throw new ShapeError(`${op}: an index must have at most one "..."; got 2`);
  const advanced = read.flatMap((entry, i) => (typeof entry === "number" || entry instanceof Array ? [i] : []));
  const entries: ParsedEntry[] = [];
  let axis = 0;
  const takeWhole = (count: number): void => {
    for (let i = 0; i < count; i++) entries.push(parsedSlice(op, new Slice(null, null, null), axis, shape[axis++]));
  };
  if (!read.includes("...")) read.push("...");
  for (const entry of read) {
    if (entry === null) entries.push({ kind: "newaxis" });
    else if (entry === "...") takeWhole(shape.length - consumed);
    else if (typeof entry === "number") entries.push({ kind: "integer", axis: axis++, index: entry });
    else if (entry instanceof Slice) entries.push(parsedSlice(op, entry, axis, shape[axis++]));
    else entries.push({ kind: "array", axis: axis++, index: entry });
  }
  return { entries, contiguous: advanced.every((at, i) => i === 0 || at === advanced[i - 1] + 1) };
}

/** Number of axes that an entry indexes. */
const axesOfEntry = (entry: IndexEntry | undefined): number =>
  isList(entry)
    ? depthOf(entry)
    : entry === null || entry === undefined || entry === "newaxis" || entry === "..."
      ? 0
      : 1;
const depthOf = (list: unknown): number => (isList(list) ? 1 + depthOf(list[0]) : 0);

/** The first axis of entry `i`. */
function axisOfEntry(index: Index, i: number, shape: Shape): number {
  const axes = (entries: Index): number => entries.reduce<number>((sum, entry) => sum + axesOfEntry(entry), 0);
  return index.slice(0, i).includes("...") ? shape.length - axes(index.slice(i)) : axes(index.slice(0, i));
}

function parsedSlice(op: string, { start, stop, step }: Slice, axis: number, size: number): ParsedEntry {
  for (const bound of [start, stop, step]) {
    if (bound !== null && bound !== undefined && !Number.isInteger(bound))
      throw new ShapeError(
        `${op}: slice bounds must be whole numbers known while tracing; got ${(bound as unknown) instanceof Array ? formatAval((bound as unknown as Array).aval) : String(bound)}. Use lax.dynamicSlice for bounds that are computed`,
      );
  }
  const by = step ?? 1;
  if (by === 0) throw new ShapeError(`${op}: a slice's step must not be 0; got 0`);
  // Python's slice.indices: bounds clipped to where the walk may begin and end.
  const [least, most] = by > 0 ? [0, size] : [-1, size - 1];
  const clip = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + size : bound, least), most);
  return {
    kind: "slice",
    axis,
    start: start === null || start === undefined ? (by > 0 ? least : most) : clip(start),
    stop: stop === null || stop === undefined ? (by > 0 ? most : least) : clip(stop),
    step: by,
    whole: (start ?? null) === null && (stop ?? null) === null && (step ?? null) === null,
  };
}

/** Number of elements that a slice takes. */
export const lengthOf = ({
  start,
  stop,
  step,
}: {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
}): number => Math.max(0, Math.ceil((stop - start) / step));
