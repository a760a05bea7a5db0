/** Where windows start: index vectors read and moved to where the window fits, in kernels and on the host. */
import { stridesOf } from "../base/shapes.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import type { Read } from "./primitive.ts";
import type { OperandAxis, WindowMap } from "./window-map.ts";

/** Where the last window that fits starts. */
const lastStart = (axis: OperandAxis): number => axis.size - axis.windowSize;

/** A value of an integer operand as an i32; unsigned ones above 2^31 − 1 stay large. */
export const toSigned = (k: KernelBuilder, value: Value): Value =>
  value.type === "u32" ? k.cast("i32", k.min(value, k.u32(2 ** 31 - 1))) : value;

/** `raw` moved to where a window of `windowSize` fits into `size`, an i32. */
export const clampStart = (k: KernelBuilder, raw: Value, size: number, windowSize: number): Value =>
  size === windowSize ? k.i32(0) : k.clamp(raw, k.i32(0), k.i32(size - windowSize));

export interface WindowStart<T> {
  /** Per axis of the operand, where the window starts after clamping; 0 along a batching axis. */
  readonly start: readonly T[];
  readonly fits: T;
}

/** The window of an index vector. @param position of the vector: the indices' coordinates but the last */
export function readStart(
  k: KernelBuilder,
  read: Read,
  { axes, indices }: WindowMap,
  position: readonly Value[],
): WindowStart<Value> {
  let fits = k.bool(true);
  const start = axes.map((axis) => {
    if (axis.component < 0) return k.i32(0);
    const raw = toSigned(k, read(1, Index.fromCoords(k, indices, [...position, k.i32(axis.component)])));
    const clamped = clampStart(k, raw, axis.size, axis.windowSize);
    fits = k.and(fits, k.eq(raw, clamped));
    return clamped;
  });
  return { start, fits };
}

/** The same on the host. @param vector number of the index vector, row-major */
export function startOf(map: WindowMap, indices: HostTensor, vector: number): WindowStart<number> & { fits: number } {
  const length = map.indices[map.indices.length - 1];
  let fits = 1;
  const start = map.axes.map((axis) => {
    if (axis.component < 0) return 0;
    const raw = indices.values[vector * length + axis.component];
    const clamped = Math.min(Math.max(raw, 0), lastStart(axis));
    if (clamped !== raw) fits = 0;
    return clamped;
  });
  return { start, fits };
}

/** On the host: for an index of the slices, its index vector and, given the window's start, its offset in the operand. */
export function hostPlaces(map: WindowMap): {
  readonly vectorOf: (slicesIndex: readonly number[]) => number;
  readonly offsetOf: (slicesIndex: readonly number[], start: readonly number[]) => number;
} {
  const vectorStrides = stridesOf(map.indices.slice(0, -1));
  const strides = stridesOf(map.axes.map((axis) => axis.size));
  return {
    vectorOf: (index) => map.batchAxes.reduce((sum, axis, i) => sum + index[axis] * vectorStrides[i], 0),
    offsetOf: (index, start) =>
      map.axes.reduce((sum, axis, d) => {
        const batch = axis.indicesAxis >= 0 ? index[map.batchAxes[axis.indicesAxis]] : 0;
        const within = axis.slicesAxis >= 0 ? index[axis.slicesAxis] : 0;
        return sum + (start[d] + batch + within) * strides[d];
      }, 0),
  };
}
