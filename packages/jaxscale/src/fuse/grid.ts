/** Numbering of invocations over a folded grid. */
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";

export const ceilDivide = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroups in x, y and z; the first is number `first`, 0 unless the work is done in parts. */
export type Grid = readonly [number, number, number] & { readonly first?: number };

/** Number of this workgroup in a grid folded over x and y. */
export function workgroupNumber(k: KernelBuilder, grid: Grid): Value {
  const x = grid[0] === 1 ? k.i32(0) : k.workgroup(0, grid[0] - 1);
  const number = grid[1] === 1 ? x : k.add(k.mul(k.workgroup(1, grid[1] - 1), k.i32(grid[0])), x);
  return grid.first ? k.add(number, k.i32(grid.first)) : number;
}

/** Number of this invocation; workgroups are `size` × 1 × 1. */
export function invocationNumber(k: KernelBuilder, grid: Grid, size: number): Value {
  const group = workgroupNumber(k, grid);
  return size === 1 ? group : k.add(k.mul(group, k.i32(size)), k.local(0, size));
}
