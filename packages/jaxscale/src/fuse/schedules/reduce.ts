/** Row kernels: every reduction of a group over the same rows, and the elementwise work around them. */
import { runLength } from "../../kernel/packed.ts";
import { isTrailing } from "../domain.ts";
import { invocationNumber, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { partsOf, scheduleReduceInParts } from "./reduce-parts.ts";
import {
  combineTeam,
  defineLevel,
  foldElements,
  type RowPlace,
  reductionLevels,
  rowOutputs,
  storeOutputs,
} from "./row-fold.ts";
import type { Team } from "./team.ts";

/** Invocations that are worth a workgroup; below, each takes a row alone. */
const smallestTeam = 32;

/** Invocations for a row of so many columns, each with a vector of them at least. */
function teamFor(columns: number, most: number): number {
  let lanes = most;
  while (columns < runLength * lanes && lanes > smallestTeam) lanes /= 2;
  return columns < runLength * lanes ? 1 : lanes;
}

export function scheduleReduce(group: Group, context: ScheduleContext): readonly Launch[] {
  const { domain } = group;
  if (domain.rows === 0) return [];
  const parts = partsOf(group, context);
  if (parts > 1) return scheduleReduceInParts(group, context, parts);
  const inRuns = isTrailing(domain) && domain.columns % runLength === 0;
  const lanes = isTrailing(domain) ? teamFor(domain.columns, context.parameters.rowWorkgroup) : 1;
  const cooperative = lanes > 1;
  const workgroup = cooperative ? lanes : Math.min(domain.rows, context.parameters.mapWorkgroup);
  const grid = gridFor(domain.rows, cooperative ? 1 : workgroup, context.target, context.part);

  const emit = emitterFor(group, context);
  const { k } = emit;
  const number = cooperative ? workgroupNumber(k, grid) : invocationNumber(k, grid, workgroup);
  const team: Team = { lanes, lane: cooperative ? k.local(0, lanes) : k.i32(0), target: context.target };
  const outputs = rowOutputs(emit, group);
  k.if(k.lt(number, k.i32(domain.rows)), () => {
    const row = k.assume(number, { min: 0, max: domain.rows - 1 });
    const place: RowPlace = { emit, team, group, row, step: inRuns ? runLength : 1 };
    for (const level of reductionLevels(group, context.graph))
      defineLevel(place, level, combineTeam(place, level, foldElements(place, level)));
    storeOutputs(place, outputs, k.eq(team.lane, k.i32(0)));
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}
