/** Arrays as text, in the layout of NumPy and JAX. @see https://numpy.org/doc/stable/reference/generated/numpy.array2string.html */
import { type DType, isBool, isFloat, isNumpys } from "../base/dtypes.ts";
import { roundTo } from "../base/rounding.ts";
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import { general, needsExponent, positional, scientific, shortest } from "./print-float.ts";

const lineWidth = 75;
const precision = 8;
/** Arrays of more elements are abridged. */
const threshold = 1000;
const edgeItems = 3;

/** `Array([1., 2.], dtype=float32)`, as JAX prints an array. */
export function formatArray(host: HostTensor, weakType = false): string {
  const type = `dtype=${host.dtype}${weakType ? ", weak_type=True" : ""}`;
  const prefix = "Array(";
  if (sizeOf(host.shape) === 0) return `${prefix}[], shape=${formatTuple(host.shape)}, ${type})`;
  const text = layout(host, ", ", " ".repeat(prefix.length + 1), lineWidth - 1);
  const lastLine = text.length - text.lastIndexOf("\n") + 1;
  const space = " ".repeat(lastLine + type.length + 2 > lineWidth ? prefix.length : 1);
  return `${prefix}${text},${space}${type})`;
}

/** `[1. 2.]`: the elements alone, as `str(x)` gives them. */
export function formatElements(host: HostTensor): string {
  const { shape, dtype, values } = host;
  if (sizeOf(shape) === 0) return "[]";
  const bareFloat = shape.length === 0 && isFloat(dtype) && isNumpys(dtype) && Number.isFinite(values[0]);
  return bareFloat ? shortest(values[0], dtype) : layout(host, " ", " ", lineWidth);
}

const formatTuple = (shape: Shape): string => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

// ---- lines ------------------------------------------------------------------

function layout(host: HostTensor, separator: string, indent: string, width: number): string {
  const { shape, values } = host;
  const abridged = sizeOf(shape) > threshold;
  const strides = stridesOf(shape);
  const shown = (axis: number): readonly number[] => shownIndices(shape[axis], abridged);
  const format = elementFormatter(host.dtype, shownValues(host, shown), shape.length === 0);
  if (shape.length === 0) return format(values[0]);
  const bare = separator.trimEnd();

  const nested = (axis: number, offset: number, hanging: string, columns: number): string => {
    const items = shown(axis).map((i) => (i < 0 ? null : offset + i * strides[axis]));
    if (axis < shape.length - 1) {
      const rowEnd = bare + "\n".repeat(shape.length - 1 - axis);
      const rows = items.map((at) => (at === null ? "..." : nested(axis + 1, at, `${hanging} `, columns - 1)));
      return `[${rows.join(rowEnd + hanging)}]`;
    }
    return `[${fill(
      items.map((at) => (at === null ? "..." : format(values[at]))),
      separator,
      hanging,
      columns - Math.max(bare.length, 1),
    )}]`;
  };
  return nested(0, 0, indent, width);
}

/** Indices along an axis; −1 stands for those left out. */
function shownIndices(size: number, abridged: boolean): readonly number[] {
  const all = Array.from({ length: size }, (_, i) => i);
  return abridged && size > 2 * edgeItems ? [...all.slice(0, edgeItems), -1, ...all.slice(-edgeItems)] : all;
}

function shownValues({ shape, values }: HostTensor, shown: (axis: number) => readonly number[]): number[] {
  const strides = stridesOf(shape);
  const kept = shape.map((_, axis) => shown(axis).filter((i) => i >= 0));
  const found: number[] = [];
  forEachIndex(
    kept.map((indices) => indices.length),
    (index) => found.push(values[index.reduce((sum, i, axis) => sum + kept[axis][i] * strides[axis], 0)]),
  );
  return found;
}

/** Words with separators, broken into lines; the first line starts behind a bracket that stands for the last column of `hanging`. */
function fill(words: readonly string[], separator: string, hanging: string, columns: number): string {
  const lines: string[] = [];
  let current = hanging;
  words.forEach((word, i) => {
    if (current.length + word.length > columns && current.length > hanging.length) {
      lines.push(current.trimEnd());
      current = hanging;
    }
    current += word + (i < words.length - 1 ? separator : "");
  });
  return [...lines, current].join("\n").slice(hanging.length);
}

// ---- elements -----------------------------------------------------------------

/** How to write one element so that it lines up with the others. */
function elementFormatter(dtype: DType, shown: readonly number[], scalar: boolean): (x: number) => string {
  if (isBool(dtype)) return (x) => (x ? "True" : "False").padStart(scalar ? 0 : 5);
  if (isFloat(dtype) && !isNumpys(dtype)) return (x) => (Number.isFinite(x) ? general(x) : nameOf(x));
  if (isFloat(dtype)) return floatFormatter(dtype, shown);
  const width = Math.max(0, ...shown.map((x) => String(x).length));
  return (x) => String(x).padStart(width);
}

function floatFormatter(dtype: DType, shown: readonly number[]): (x: number) => string {
  const finite = shown.filter(Number.isFinite);
  const magnitudes = finite.filter((x) => x !== 0).map(Math.abs);
  const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const least = magnitudes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const exponents = magnitudes.some((x) => needsExponent(x, dtype)) || ratio(largest, least, dtype) > 1000;
  const { left, right, write } = exponents ? exponentColumns(dtype, finite) : pointColumns(dtype, finite);
  const names = shown.filter((x) => !Number.isFinite(x)).map(nameOf);
  const padLeft = Math.max(left, ...names.map((name) => name.length - right - 1));
  return (x) => (Number.isFinite(x) ? write(x, padLeft) : nameOf(x).padStart(padLeft + right + 1));
}

// NumPy divides in the array's own dtype.
const ratio = (a: number, b: number, dtype: DType): number => roundTo(dtype, a / b);

const nameOf = (x: number): string => (Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf");
const longest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));

interface Columns {
  /** Characters before the point, and behind it. */
  readonly left: number;
  readonly right: number;
  readonly write: (x: number, padLeft: number) => string;
}

function pointColumns(dtype: DType, finite: readonly number[]): Columns {
  const parts = finite.map((x) => positional(x, dtype, precision));
  const right = longest(parts.map(([, fraction]) => fraction));
  return {
    left: longest(parts.map(([integer]) => integer)),
    right,
    write: (x, padLeft) => {
      const [integer, fraction] = positional(x, dtype, precision);
      return `${integer.padStart(padLeft)}.${fraction.padEnd(right)}`;
    },
  };
}

function exponentColumns(dtype: DType, finite: readonly number[]): Columns {
  const parts = finite.map((x) => scientific(x, dtype, precision));
  const digits = longest(parts.map(([, fraction]) => fraction));
  const exponent = longest(parts.map(([, , power]) => power));
  return {
    left: longest(parts.map(([integer]) => integer)),
    right: digits + 1 + exponent,
    write: (x, padLeft) => {
      const [integer, fraction, power] = scientific(x, dtype, digits, digits);
      return `${integer.padStart(padLeft)}.${fraction}e${power[0]}${power.slice(1).padStart(exponent - 1, "0")}`;
    },
  };
}
