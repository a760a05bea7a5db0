/** Arrays from JavaScript values: numbers, booleans, nested lists, typed arrays. */
import { type DType, isBool, isFloat, promoteTypes, rangeOf } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { roundTo } from "../../base/rounding.ts";
import { sizeOf } from "../../base/shapes.ts";
import { allocateValues, type HostTensor } from "../../base/tensor-data.ts";
import { Array, type ArrayLike, heldArray, isArrayHolder } from "../../trace/array.ts";

/** JavaScript's typed arrays of 32 bits and below. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Nested lists must be rectangular. */
export type NestedList = readonly (ArrayLike | NestedList)[];
/** Values that `array` accepts: numbers, nested lists, typed arrays, arrays. */
export type HostData = ArrayLike | NestedList | TypedArray;

const typedDtypes: ReadonlyMap<string, DType> = new Map([
  ["Float32Array", "float32"],
  ["Float64Array", "float32"],
  ["Int8Array", "int8"],
  ["Uint8Array", "uint8"],
  ["Uint8ClampedArray", "uint8"],
  ["Int16Array", "int16"],
  ["Uint16Array", "uint16"],
  ["Int32Array", "int32"],
  ["Uint32Array", "uint32"],
  ["BigInt64Array", "int32"],
  ["BigUint64Array", "uint32"],
]);

/** Dtype of a typed array: 64-bit elements are narrowed. Undefined for other values. */
export const dtypeOfTyped = (data: unknown): DType | undefined =>
  // By its tag: a typed array of another realm (a frame, a vm context) is no instance of this one's classes.
  ArrayBuffer.isView(data) ? typedDtypes.get((data as TypedArray)[Symbol.toStringTag]) : undefined;

const isBigInts = (data: TypedArray): data is BigInt64Array | BigUint64Array =>
  data[Symbol.toStringTag].startsWith("Big");

export const isList = (data: unknown): data is readonly unknown[] => globalThis.Array.isArray(data);

export function tensorOfTyped(data: TypedArray, dtype: DType): HostTensor {
  const values = allocateValues(dtype, data.length);
  if (isBigInts(data)) {
    for (let i = 0; i < data.length; i++) values[i] = Number(BigInt.asIntN(32, data[i]));
  } else if (
    data.constructor === values.constructor &&
    (dtype === "float32" || dtype === "int32" || dtype === "uint32")
  ) {
    values.set(data);
  } else {
    for (let i = 0; i < data.length; i++) values[i] = toDtype(data[i], dtype);
  }
  return { shape: [data.length], dtype, values };
}

/** As NumPy's astype: floats to integers truncate. */
function toDtype(x: number, dtype: DType): number {
  if (isFloat(dtype) || isBool(dtype)) return roundTo(dtype, x);
  return roundTo(dtype, Number.isFinite(x) ? Math.trunc(x) : 0);
}

// ---- nested lists ---------------------------------------------------------

/** The shape of a list's nesting, without that of arrays in it. @throws ShapeError for a ragged one */
export function shapeOfList(op: string, data: unknown): number[] {
  if (!isList(data)) return [];
  const [first, ...others] = data.map((item) => shapeOfList(op, item));
  if (first === undefined) return [0];
  if (others.some((shape) => shape.length !== first.length || shape.some((n, i) => n !== first[i])))
    throw new ShapeError(
      `${op}: rows must be of one shape; got ${[first, ...others]
        .slice(0, 4)
        .map((s) => `[${s}]`)
        .join(", ")}`,
    );
  return [data.length, ...first];
}

// As NumPy's.
const mostAxes = 64;

/** What stands in a list's lists, from left to right. @throws ShapeError for a hole, and for lists that contain themselves */
export function leavesOfList(op: string, data: unknown, depth = 0): unknown[] {
  if (!isList(data)) return [isArrayHolder(data) ? data[heldArray] : data];
  if (depth >= mostAxes)
    throw new ShapeError(`${op}: lists must be nested at most ${mostAxes} deep; got more. Does one contain itself?`);
  const hole = data.findIndex((item, i) => item === undefined && !(i in data));
  if (hole >= 0)
    throw new ShapeError(`${op}: a list must have no holes; got one at [${hole}] of a list of ${data.length}`);
  return data.flatMap((item) => leavesOfList(op, item, depth + 1));
}

/** Lists of numbers are int32 if all are whole, else float32; a list is never weakly typed. @throws DTypeError for other leaves */
export function dtypeOfLeaves(op: string, leaves: readonly unknown[]): DType {
  if (leaves.length === 0) return "float32";
  let whole = false;
  let fractional = false;
  const strong = new Set<DType>();
  const weak = new Set<DType>();
  for (const leaf of leaves) {
    if (typeof leaf === "number") {
      if (Number.isInteger(leaf) && !Object.is(leaf, -0)) whole = true;
      else fractional = true;
    } else if (typeof leaf === "boolean") strong.add("bool");
    else if (leaf instanceof Array) (leaf.weakType ? weak : strong).add(leaf.dtype);
    else throw notData(op, leaf);
  }
  if (fractional) weak.add("float32");
  if (whole) weak.add("int32");
  return promoteTypes(op, [
    ...[...strong].map((dtype) => ({ dtype, weakType: false })),
    ...[...weak].map((dtype) => ({ dtype, weakType: true })),
  ]).dtype;
}

export const notData = (op: string, data: unknown): DTypeError =>
  new DTypeError(
    `${op}: data must be numbers, booleans, arrays, nested lists of them or typed arrays; got ${data === null ? "null" : typeof data === "object" ? (data.constructor?.name ?? "object") : typeof data}`,
  );

/** @throws DTypeError for a whole number that the integer dtype cannot hold */
export function numberOf(op: string, value: number | boolean, dtype: DType): number {
  const x = Number(value);
  if (!isFloat(dtype) && !isBool(dtype) && Number.isInteger(x)) {
    const { min, max } = rangeOf(dtype);
    if (x < min || x > max)
      throw new DTypeError(
        `${op}: whole numbers must be in [${min}, ${max}] for ${dtype}; got ${x}. Give a wider dtype, such as float32`,
      );
  }
  return toDtype(x, dtype);
}

export function tensorOfNumbers(
  op: string,
  numbers: readonly (number | boolean)[],
  shape: readonly number[],
  dtype: DType,
): HostTensor {
  const values = allocateValues(dtype, sizeOf(shape));
  numbers.forEach((x, i) => {
    values[i] = numberOf(op, x, dtype);
  });
  return { shape, dtype, values };
}
