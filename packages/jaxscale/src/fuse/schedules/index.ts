/** The schedule of each kind of group. */
import type { InPlace } from "../../primitives/primitive.ts";
import type { AccessAnalysis } from "../access.ts";
import type { Group, GroupKind } from "../group.ts";
import type { Launch, ScheduleContext } from "../schedule.ts";
import { scheduleAttention } from "./attention.ts";
import { scheduleContraction } from "./contraction.ts";
import { scheduleCustom } from "./custom.ts";
import { scheduleMap } from "./map.ts";
import { scheduleRagged } from "./ragged.ts";
import { scheduleReduce } from "./reduce.ts";
import { scheduleScan } from "./scan.ts";
import { scheduleSort } from "./sort.ts";
import { scheduleTopK } from "./top-k.ts";
import { scheduleUpdate } from "./update.ts";

export interface Scheduled {
  readonly launches: readonly Launch[];
  /** Results that the kernels write only part of, or read first: they begin as operands' memory. */
  readonly inPlace: readonly InPlace[];
}

type Schedule = (group: Group, context: ScheduleContext, access: AccessAnalysis) => Scheduled;
const whole =
  (schedule: (group: Group, context: ScheduleContext, access: AccessAnalysis) => readonly Launch[]): Schedule =>
  (group, context, access) => ({ launches: schedule(group, context, access), inPlace: [] });

/** Loops and branches are made of other groups: see control-flow.ts. */
type KernelKind = Exclude<GroupKind, "loop" | "branch">;

const schedules: Record<KernelKind, Schedule> = {
  map: whole(scheduleMap),
  reduce: whole(scheduleReduce),
  scan: whole(scheduleScan),
  sort: whole(scheduleSort),
  topK: whole(scheduleTopK),
  contraction: whole(scheduleContraction),
  raggedContraction: whole(scheduleRagged),
  attention: whole(scheduleAttention),
  update: scheduleUpdate,
  custom: scheduleCustom,
};

/** Kinds whose kernels can be launched a part of their workgroups at a time. */
export const inParts: ReadonlySet<GroupKind> = new Set([
  "map",
  "reduce",
  "scan",
  "sort",
  "topK",
  "contraction",
  "update",
]);

export const scheduleGroup: Schedule = (group, context, access) =>
  schedules[group.kind as KernelKind](group, context, access);
