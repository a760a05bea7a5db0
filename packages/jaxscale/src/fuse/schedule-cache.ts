/** Kernels of groups by structure: a model of many equal layers is scheduled once. */
import type { Target } from "../base/target.ts";
import type { Var } from "../jaxpr/ir.ts";
import type { AccessAnalysis } from "./access.ts";
import type { Bound, Scratch } from "./emitter.ts";
import type { Group } from "./group.ts";
import type { Launch, ScheduleContext, Scheduled } from "./schedule.ts";
import { scheduleWithinLimits } from "./split-work.ts";
import { structureOf } from "./structure.ts";
import { trafficOf } from "./traffic.ts";

/** A group's kernels, and the bytes that they read and write. */
export interface ScheduledGroup extends Scheduled {
  readonly bytes: number;
}
interface Template {
  readonly scheduled: ScheduledGroup;
  readonly variables: readonly Var[];
}

const maxTemplates = 4096;
const caches = new WeakMap<Target, Map<string, Template>>();

export function scheduled(group: Group, context: ScheduleContext, access: AccessAnalysis): ScheduledGroup {
  let cache = caches.get(context.target);
  if (!cache) caches.set(context.target, (cache = new Map()));
  const { key, variables } = structureOf(group, context);
  const full = `${JSON.stringify(context.parameters)}\n${key}`;
  let template = cache.get(full);
  if (!template) {
    const kernels = scheduleWithinLimits(group, context, access);
    template = { scheduled: { ...kernels, bytes: trafficOf(group, access) }, variables };
    if (cache.size >= maxTemplates) cache.delete(cache.keys().next().value as string);
    cache.set(full, template);
  }
  return template.variables === variables ? template.scheduled : instantiate(template, variables);
}

/** The same kernels on another group's variables. */
function instantiate(template: Template, variables: readonly Var[]): ScheduledGroup {
  const renamed = new Map<Var | Scratch, Var>(template.variables.map((v, i) => [v, variables[i]]));
  // Scratch memory is each group's own.
  const scratches = new Map<Scratch, Scratch>();
  const rename = (memory: Var | Scratch): Var | Scratch => {
    if (memory.kind === "var") return renamed.get(memory) as Var;
    let own = scratches.get(memory);
    if (!own) scratches.set(memory, (own = { ...memory }));
    return own;
  };
  const bound = (b: Bound): Bound => ({ ...b, memory: rename(b.memory) });
  const launch = (l: Launch): Launch => ({ ...l, bindings: l.bindings.map(bound) });
  return { ...template.scheduled, launches: template.scheduled.launches.map(launch) };
}
