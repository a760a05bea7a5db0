/** The steps of a program before memory is planned: what each touches, by variable. */
import type { Target } from "../../base/target.ts";
import type { Jaxpr, Var } from "../../jaxpr/ir.ts";
import type { Kernel } from "../../kernel/ir.ts";
import type { KernelOrigin } from "../../kernel/program.ts";
import type { ExchangePlan } from "../../primitives/exchange.ts";
import type { BufferSharing } from "../buffer-sharing.ts";
import type { Scratch } from "../emitter.ts";
import type { Fusion } from "../grouping.ts";
import type { Guard, Iteration, Launch } from "../schedule.ts";
import type { ParametersFor } from "../tuning/parameters-for.ts";

export type Draft =
  | {
      readonly kind: "launch";
      readonly launch: Launch;
      readonly reads: readonly (Var | Scratch)[];
      readonly writes: readonly (Var | Scratch)[];
      readonly origin: KernelOrigin;
    }
  | {
      readonly kind: "copy";
      readonly reads: readonly [Var];
      readonly writes: readonly [Var];
      readonly origin: KernelOrigin;
    }
  | ExchangeDraft
  | LoopDraft;

/** What GPUs do together: it reads and writes the whole of both. */
export interface ExchangeDraft {
  readonly kind: "exchange";
  readonly plan: ExchangePlan;
  readonly reads: readonly [Var];
  readonly writes: readonly [Var];
  readonly origin: KernelOrigin;
}

/** Steps that are repeated. */
export interface LoopDraft {
  readonly kind: "loop";
  readonly depth: number;
  /** Iterations; null: as long as `flag` is 1. */
  readonly trips: number | null;
  /** int32[], 1 while there is more to do; written by the body. */
  readonly flag?: Var;
  readonly body: readonly Draft[];
  /** Memory that lives through all iterations, whether or not anything is in it before the first. */
  readonly carries: readonly Var[];
  readonly origin: KernelOrigin;
}

/** The kernels of some steps, each once; kernels of equal structure may be several here. */
export function kernelsOf(drafts: readonly Draft[], found = new Set<Kernel>()): ReadonlySet<Kernel> {
  for (const draft of drafts)
    if (draft.kind === "launch") found.add(draft.launch.kernel);
    else if (draft.kind === "loop") kernelsOf(draft.body, found);
  return found;
}

/** What is the same for a whole program. */
export interface DraftProgram {
  readonly target: Target;
  readonly sharing: BufferSharing;
  readonly parametersFor: ParametersFor;
  readonly fuse: (jaxpr: Jaxpr, guards: number) => Fusion;
  /** The steps of a part of the program. */
  readonly draft: (fusion: Fusion, program: DraftProgram, scope: DraftScope) => readonly Draft[];
}

/** Where in the program groups stand. */
export interface DraftScope {
  readonly iterations: ReadonlyMap<Var, Iteration>;
  readonly guards: readonly Guard[];
  readonly depth: number;
}
