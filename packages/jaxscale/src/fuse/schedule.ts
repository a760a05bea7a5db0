/** What a schedule makes of a group: kernels, what they bind, how many workgroups run. */

import type { Target } from "../base/target.ts";
import type { Var } from "../jaxpr/ir.ts";
import { KernelBuilder } from "../kernel/builder.ts";
import type { Kernel } from "../kernel/ir.ts";
import { type Bound, Emitter } from "./emitter.ts";
import type { Graph } from "./graph.ts";
import { ceilDivide } from "./grid.ts";
import type { Group } from "./group.ts";
import type { ScheduleParameters } from "./parameters.ts";

export interface Launch {
  readonly kernel: Kernel;
  readonly bindings: readonly Bound[];
  readonly workgroups: readonly [number, number, number];
}

export interface ScheduleContext {
  readonly graph: Graph;
  readonly target: Target;
  readonly parameters: ScheduleParameters;
  /** The variable whose memory a variable lies in. */
  readonly resolve: (v: Var) => Var;
}

/** Starts a kernel for a group. */
export function emitterFor(group: Group, context: ScheduleContext): Emitter {
  return new Emitter(new KernelBuilder(), context.graph, group, context.target, context.resolve);
}

/** A name that a reader recognises: the group's operations in order, without repeats. */
export function kernelName(group: Group, suffix = ""): string {
  const names = group.members.map((m) => m.primitive.name.replaceAll("-", "_"));
  const distinct = names.filter((n, i) => n !== names[i - 1]);
  const shown = distinct.length > 5 ? [...distinct.slice(0, 4), `${distinct.length - 4}_more`] : distinct;
  const dtype = group.writes[0]?.aval.dtype ?? "";
  return `${shown.join("_")}${suffix}_${dtype}`;
}

/** Workgroups for `items` invocations, folded over two dimensions where one is too short. */
export function gridFor(items: number, perWorkgroup: number, target: Target): [number, number, number] {
  const groups = Math.max(1, ceilDivide(items, perWorkgroup));
  const limit = target.limits.maxComputeWorkgroupsPerDimension;
  if (groups <= limit) return [groups, 1, 1];
  const rows = ceilDivide(groups, limit);
  return [ceilDivide(groups, rows), rows, 1];
}
