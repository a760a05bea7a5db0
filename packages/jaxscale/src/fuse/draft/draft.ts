/** From fused groups to steps, in the order in which they run. */

import type { Jaxpr, Var } from "../../jaxpr/ir.ts";
import { BufferSharing, type Donated } from "../buffer-sharing.ts";
import type { GroupKind } from "../group.ts";
import type { Fusion } from "../grouping.ts";
import { draftBranch } from "./branch.ts";
import { draftExchange } from "./exchange.ts";
import { draftKernels } from "./kernels.ts";
import { draftLoop } from "./loop.ts";
import type { Draft, DraftProgram, DraftScope } from "./steps.ts";

/** Kinds whose steps are more, or others, than a schedule's kernels. */
const composed: Partial<Record<GroupKind, typeof draftLoop>> = {
  loop: draftLoop,
  branch: draftBranch,
  exchange: draftExchange,
};

const outermost: DraftScope = { iterations: new Map(), guards: [], depth: 0 };

export interface Drafted {
  readonly drafts: readonly Draft[];
  /** What the steps treat as one buffer. */
  readonly sharing: BufferSharing;
  /** The program's groups and those of the bodies of its loops and branches. */
  readonly fusions: readonly Fusion[];
}

export interface DraftOptions extends Pick<DraftProgram, "target" | "parametersFor" | "fuse"> {
  /** Positions of invars that are donated. */
  readonly donated: Donated;
}

/** Bodies are fused when their loop or branch is reached: only then is it known what of them lies in memory. */
export function draft(jaxpr: Jaxpr, { donated, ...options }: DraftOptions): Drafted {
  const sharing = new BufferSharing(jaxpr, donated);
  const fusions: Fusion[] = [];
  const fuse: DraftProgram["fuse"] = (...part) => {
    const fusion = options.fuse(...part);
    fusions.push(fusion);
    return fusion;
  };
  const drafts = draftPart(
    fuse(jaxpr, outermost.guards.length),
    { ...options, sharing, fuse, draft: draftPart },
    outermost,
  );
  return { drafts, sharing, fusions };
}

function draftPart(fusion: Fusion, program: DraftProgram, scope: DraftScope): readonly Draft[] {
  for (const [v, memory] of fusion.aliases) program.sharing.alias(v, memory);
  return fusion.groups.flatMap((group, i) => {
    const neededLater = (memory: Var): boolean => isNeeded(memory, fusion, i + 1, program);
    const draftComposed = composed[group.kind];
    return draftComposed
      ? draftComposed(group, neededLater, program, scope)
      : draftKernels(group, fusion, neededLater, program, scope);
  });
}

/** Whether a later group reads the current value of a buffer, or it is a result. */
function isNeeded(memory: Var, fusion: Fusion, from: number, { sharing }: DraftProgram): boolean {
  const lies = (v: Var): boolean => sharing.resolve(v) === memory;
  if (fusion.graph.jaxpr.outvars.some((a) => a.kind === "var" && lies(a))) return true;
  return fusion.groups.slice(from).some((g) => [...g.reads].some(lies));
}
