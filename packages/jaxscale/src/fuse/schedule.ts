/** What a schedule makes of a group: kernels, what they bind, how many workgroups run. */

import type { Target } from "../base/target.ts";
import type { Var } from "../jaxpr/ir.ts";
import { KernelBuilder } from "../kernel/builder.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { InPlace } from "../primitives/primitive.ts";
import type { AccessAnalysis } from "./access.ts";
import { type Bound, Emitter } from "./emitter.ts";
import type { Graph } from "./graph.ts";
import { ceilDivide, type Grid } from "./grid.ts";
import { equationsOf, type Group } from "./group.ts";
import type { ScheduleParameters } from "./parameters.ts";

export interface Launch {
  readonly kernel: Kernel;
  readonly bindings: readonly Bound[];
  readonly workgroups: readonly [number, number, number];
  /** The group's work is another launch's, which this one prepares. */
  readonly prepares?: boolean;
  /** How much of the work it does, where that is done in parts. */
  readonly share?: number;
  /** Values of the kernel's own immediates, by name. */
  readonly immediates?: Readonly<Record<string, number>>;
}

export interface Scheduled {
  readonly launches: readonly Launch[];
  /** Results that the kernels write only part of, or read first: they begin as operands' memory. */
  readonly inPlace: readonly InPlace[];
}

export type Schedule = (group: Group, context: ScheduleContext, access: AccessAnalysis) => Scheduled;

/** Work that is done only where a device value says so. */
export interface Guard {
  /** int32[] */
  readonly variable: Var;
  readonly equals: number;
}

export interface ScheduleContext {
  readonly graph: Graph;
  /** Variables that are the number of the iteration of an enclosing loop. */
  readonly iterations: ReadonlyMap<Var, Iteration>;
  readonly guards: readonly Guard[];
  readonly target: Target;
  readonly parameters: ScheduleParameters;
  /** What of the work the kernels do; all of it if absent. */
  readonly part?: Part;
  /** Memory that the kernels read and write in place: results by the variable whose memory they take. */
  readonly overwritten?: ReadonlyMap<Var, Var>;
  /** The variable whose memory a variable lies in. */
  readonly resolve: (v: Var) => Var;
}

/** Part `index` of a grid that is split into about `of` dispatches, so that no dispatch binds more than a kernel may. */
export interface Part {
  readonly index: number;
  readonly of: number;
  /** Of a matrix product: whether a part is a range of its rows or of its columns. */
  readonly along: "rows" | "columns";
}
/** A loop around the group: its depth of nesting, and its number of iterations. */
export interface Iteration {
  readonly depth: number;
  readonly trips: number;
}

/** Starts a kernel for a group; guards apply to all that is written into it. */
export function emitterFor(group: Group, context: ScheduleContext): Emitter {
  const emit = new Emitter(new KernelBuilder(), group, context);
  const { k } = emit;
  for (const { variable, equals } of context.guards) k.guard(k.eq(emit.at(variable, k.i32(0)), k.i32(equals)));
  return emit;
}

/** A name that a reader recognises: the group's operations in order, without repeats. */
export function kernelName(group: Group, suffix = ""): string {
  const names = equationsOf(group).map((m) => m.primitive.name.replaceAll("-", "_"));
  const distinct = names.filter((n, i) => n !== names[i - 1]);
  const shown = distinct.length > 5 ? [...distinct.slice(0, 4), `${distinct.length - 4}_more`] : distinct;
  const dtype = group.writes[0]?.aval.dtype ?? "";
  return `${shown.join("_")}${suffix}_${dtype}`;
}

/** Workgroups for `items` invocations, folded over two dimensions where one is too short. */
export function gridFor(items: number, perWorkgroup: number, target: Target, part?: Part): Grid {
  const all = Math.max(1, ceilDivide(items, perWorkgroup));
  const groups = Math.max(1, Math.floor(all / (part?.of ?? 1)));
  const rows = ceilDivide(groups, target.limits.maxComputeWorkgroupsPerDimension);
  const columns = ceilDivide(groups, rows);
  if (!part) return [columns, rows, 1];
  const full = columns * rows;
  // With fuller rows than needed the last parts may have nothing left to do.
  const left = Math.max(0, all - part.index * full);
  return Object.assign([rows === 1 || left === 0 ? Math.min(columns, left) : columns, rows, 1] as const, {
    part: { index: part.index, full },
  });
}
