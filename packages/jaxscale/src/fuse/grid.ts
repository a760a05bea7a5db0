/** Numbering of invocations over a folded grid. */
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";

export const ceilDivide = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroups in x, y and z. Where the work is done in parts, those of part `index` follow those of `index` full parts. */
export type Grid = readonly [number, number, number] & {
  readonly part?: { readonly index: number; readonly full: number };
};

/** Immediate that holds the number of the part. */
export const partImmediate = "part";

/** Which part of its work a kernel does: an immediate of the dispatch, so that one kernel does all parts that are alike. */
export const partNumber = (k: KernelBuilder, index: number): Value =>
  k.immediate(partImmediate, "i32", { min: index, max: index });

/** Number of this workgroup in a grid folded over x and y. */
export function workgroupNumber(k: KernelBuilder, grid: Grid): Value {
  const x = grid[0] === 1 && !grid.part ? k.i32(0) : k.workgroup(0, Math.max(0, grid[0] - 1));
  const number = grid[1] === 1 ? x : k.add(k.mul(k.workgroup(1, grid[1] - 1), k.i32(grid[0])), x);
  return grid.part ? k.add(number, k.mul(partNumber(k, grid.part.index), k.i32(grid.part.full))) : number;
}

/** Number of this invocation; workgroups are `size` × 1 × 1. */
export function invocationNumber(k: KernelBuilder, grid: Grid, size: number): Value {
  const group = workgroupNumber(k, grid);
  return size === 1 ? group : k.add(k.mul(group, k.i32(size)), k.local(0, size));
}
