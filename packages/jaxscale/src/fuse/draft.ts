/** From fused groups to steps, in the order in which they run. */
import { draftBranch, draftLoop } from "./control-flow.ts";
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
    if (group.kind === "loop") return draftLoop(group, program, scope);
    if (group.kind === "branch") return draftBranch(group, program, scope);
    return draftKernels(group, fusion, i, program, scope);
  });
}
