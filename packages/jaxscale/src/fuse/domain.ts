/** The iteration space that the equations of one kernel share: rows, and within a row the positions that a reduction folds. */
import { type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";

export interface Domain {
  /** Shape of a value that has an element at every (row, position). */
  readonly shape: Shape;
  /** Axes of `shape` that positions run over; empty: each row has one position. */
  readonly axes: readonly number[];
  readonly rows: number;
  readonly columns: number;
}

export function makeDomain(shape: Shape, axes: readonly number[]): Domain {
  const columns = axes.reduce((n, axis) => n * shape[axis], 1);
  const rows = shape.reduce((n, d, axis) => (axes.includes(axis) ? n : n * d), 1);
  return { shape, axes, rows, columns };
}

/** How a value lies in a domain: an element at every position, or one a row. */
export type Extent = "full" | "row";

export function extentOf(domain: Domain, shape: Shape): Extent | undefined {
  const size = sizeOf(shape);
  if (size === domain.rows * domain.columns) return "full";
  return size === domain.rows ? "row" : undefined;
}

/** Row-major position in `domain.shape` of (row, column). */
export function fullPosition(k: KernelBuilder, domain: Domain, row: Value, column: Value): Value {
  if (domain.axes.length === 0) return row;
  const kept = domain.shape.filter((_, axis) => !domain.axes.includes(axis));
  const folded = domain.shape.filter((_, axis) => domain.axes.includes(axis));
  const strides = stridesOf(domain.shape);
  if (isTrailing(domain)) return k.add(k.mul(row, k.i32(domain.columns)), column);
  const rowCoords = [...Index.fromLinear(k, kept, row).coords];
  const columnCoords = [...Index.fromLinear(k, folded, column).coords];
  return domain.shape.reduce((sum, d, axis) => {
    const coord = (domain.axes.includes(axis) ? columnCoords : rowCoords).shift() as Value;
    return d === 1 ? sum : k.add(sum, k.mul(coord, k.i32(strides[axis])));
  }, k.i32(0));
}

/** Whether positions of a row lie next to each other in memory: the folded axes come last, but for axes of size 1. */
export function isTrailing(domain: Domain): boolean {
  const significant = domain.shape.map((_, axis) => axis).filter((axis) => domain.shape[axis] !== 1);
  const firstFolded = significant.findIndex((axis) => domain.axes.includes(axis));
  return firstFolded < 0 || significant.slice(firstFolded).every((axis) => domain.axes.includes(axis));
}
