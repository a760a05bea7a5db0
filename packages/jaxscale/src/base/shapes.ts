/** Arithmetic on shapes: sizes, strides, broadcasting, axes. */
import { describe } from "./describe.ts";
import { ShapeError } from "./errors.ts";

export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Of any array: indices on the device are int32. */
const maxElements = 2 ** 31 - 1;

/** @throws ShapeError if an array of that shape has more elements than indices can count */
export function checkElementCount(op: string, shape: Shape): void {
  // What is no number is refused elsewhere, in other words.
  if (shape.every((n) => typeof n === "number") && sizeOf(shape) > maxElements)
    throw new ShapeError(`${op}: an array must have at most 2^31 - 1 elements; got ${formatShape(shape)}`);
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** NumPy broadcasting of any number of shapes. @throws ShapeError naming both shapes */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((d, i) => {
      const at = rank - shape.length + i;
      if (d === 1 || d === out[at]) return;
      if (out[at] !== 1)
        throw new ShapeError(`${op}: shapes must be broadcastable; got ${shapes.map(formatShape).join(" and ")}`);
      out[at] = d;
    });
  }
  return out;
}

/** `[2,3]` */
export const formatShape = (shape: Shape): string => `[${shape.map(describe).join(",")}]`;

/** Axis in `[0, rank)` from one that may be negative. @throws ShapeError if out of range */
export function canonicalAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new ShapeError(`${op}: axis must be in [${-rank}, ${rank}); got ${describe(axis)}`);
  return axis < 0 ? axis + rank : axis;
}

/** Several axes made canonical, sorted, distinct; undefined or null means all. */
export function canonicalAxes(op: string, axes: number | readonly number[] | null | undefined, rank: number): number[] {
  if (axes === null || axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  return axesOf(op, axes, rank).sort((a, b) => a - b);
}

/** One axis or several made canonical, distinct, in the order given. */
export function axesOf(op: string, axes: number | readonly number[], rank: number): number[] {
  if (typeof axes !== "number" && !Array.isArray(axes))
    throw new ShapeError(`${op}: axis must be a whole number or a list of them; got ${describe(axes)}`);
  const list = (typeof axes === "number" ? [axes] : axes).map((a) => canonicalAxis(op, a, rank));
  if (new Set(list).size !== list.length)
    throw new ShapeError(`${op}: axes must be distinct; got (${list.join(", ")})`);
  return list;
}

/** Calls `visit` with every index of `shape` in row-major order. The array passed is reused. */
export function forEachIndex(shape: Shape, visit: (index: number[], linear: number) => void): void {
  const size = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let linear = 0; linear < size; linear++) {
    visit(index, linear);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}
