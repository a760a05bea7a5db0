/** From fused groups to steps, in the order in which they run. */

import type { Var } from "../jaxpr/ir.ts";
import { draftBranch } from "./branch.ts";
import { draftLoop } from "./control-flow.ts";
import { draftKernels } from "./draft-kernels.ts";
import type { Draft, DraftProgram, DraftScope } from "./drafts.ts";
import type { Fusion } from "./grouping.ts";

const outermost: DraftScope = { turns: new Map(), guards: [], depth: 0 };

export function draft(fusion: Fusion, program: Omit<DraftProgram, "draft">): readonly Draft[] {
  return draftPart(fusion, { ...program, draft: draftPart }, outermost);
}

function draftPart(fusion: Fusion, program: DraftProgram, scope: DraftScope): readonly Draft[] {
  for (const [v, memory] of fusion.aliases) program.homes.alias(v, memory);
  return fusion.groups.flatMap((group, i) => {
    const neededLater = (memory: Var): boolean => isNeeded(memory, fusion, i + 1, program);
    if (group.kind === "loop") return draftLoop(group, neededLater, program, scope);
    if (group.kind === "branch") return draftBranch(group, neededLater, program, scope);
    return draftKernels(group, fusion, neededLater, program, scope);
  });
}

/** Whether a later group or the part's results want what some memory holds now. */
function isNeeded(memory: Var, fusion: Fusion, from: number, { homes }: DraftProgram): boolean {
  const lies = (v: Var): boolean => homes.resolve(v) === memory;
  if (fusion.graph.jaxpr.outvars.some((a) => a.kind === "var" && lies(a))) return true;
  return fusion.groups.slice(from).some((g) => [...g.reads].some(lies));
}
