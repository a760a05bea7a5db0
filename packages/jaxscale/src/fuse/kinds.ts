/** What fusion and scheduling know of each kind of lowering: a row a kind. */
import type { JaxprEqn } from "../jaxpr/ir.ts";
import type { AccessAnalysis } from "./access.ts";
import { type Domain, makeDomain } from "./domain.ts";
import { contextOf, rules } from "./graph.ts";
import type { Group, GroupKind } from "./group.ts";
import type { Launch, Part, Schedule } from "./schedule.ts";
import { scheduleAttention } from "./schedules/attention.ts";
import { scheduleContraction } from "./schedules/contraction.ts";
import { scheduleCustom } from "./schedules/custom.ts";
import { scheduleMap } from "./schedules/map.ts";
import { schedulePrefix } from "./schedules/prefix.ts";
import { scheduleRagged } from "./schedules/ragged.ts";
import { scheduleReduce } from "./schedules/reduce.ts";
import { scheduleSort } from "./schedules/sort.ts";
import { scheduleTopK } from "./schedules/top-k.ts";
import { scheduleUpdate } from "./schedules/update.ts";
import { contractionChoice, mapChoice, reduceChoice, type ScheduleChoice } from "./tuning/shape-class.ts";

export interface KernelKind {
  /** Absent for kinds that are made of other groups: see draft/. */
  readonly schedule?: Schedule;
  /** The iteration space of a kernel that only computes an equation. */
  readonly domain: (eqn: JaxprEqn) => Domain;
  /** Kernels compute members at each row and position of their domain, so that operands may be recomputed there. */
  readonly rowWise: boolean;
  /** The invocation that writes a word of a result reads all of the word's elements of operands first, if they are read where they are made. */
  readonly writesWhereItReads: boolean;
  /** Kernels go on with elementwise work on what they make. */
  readonly takesEpilogues: boolean;
  /** How often kernels evaluate each of an operand's `elements` for one element of theirs, or altogether if they are not row-wise. */
  readonly evaluations: (group: Group, elements: number) => number;
  /** Operands that are found in memory, be they recomputed elsewhere; of kinds that want all, all results are stored too. */
  readonly inMemory: "none" | "updated" | "all";
  /** Operands whose memory is written, if nobody else reads it. */
  readonly overwrites: (eqn: JaxprEqn) => readonly number[];
  /** Of what a launch may do a range of the workgroups; empty: launches do all. */
  readonly parts: readonly Part["along"][];
  /** Beginnings of the names of the parameters that its schedule heeds. */
  readonly parameters: readonly string[];
  /** What tuning may choose. */
  readonly choice?: ScheduleChoice;
}

const ofResult = ({ outputs: [result] }: JaxprEqn): Domain => makeDomain(result.aval.shape, []);
const ofOperand = ({ inputs: [operand] }: JaxprEqn): Domain => makeDomain(operand.aval.shape, []);
const ofNothing = (): Domain => makeDomain([], []);

/** The rows that a reduction folds. */
function folded(eqn: JaxprEqn): Domain {
  const { lowering } = rules(eqn);
  return makeDomain(eqn.inputs[0].aval.shape, lowering.kind === "reduce" ? lowering.axes(contextOf(eqn)) : []);
}

function aliasedOperands(eqn: JaxprEqn): readonly number[] {
  const { lowering } = rules(eqn);
  return lowering.kind === "custom" ? lowering.plan(contextOf(eqn)).aliases.map((a) => a.operand) : [];
}

/** A schedule whose kernels write all of their results. */
const whole =
  (schedule: (group: Group, context: Parameters<Schedule>[1], access: AccessAnalysis) => readonly Launch[]): Schedule =>
  (group, context, access) => ({ launches: schedule(group, context, access), inPlace: [] });

/** Uses of each of an operand's elements in products. */
const ofProducts = ({ members: [eqn] }: Group, elements: number): number =>
  Math.max(1, rules(eqn).cost(contextOf(eqn)).flops / (2 * elements));
/** The same where invocations make tiles of the result: those of a tile's side share an element. */
const ofTiles = (group: Group, elements: number): number => Math.max(1, ofProducts(group, elements) / tileSide);
const tileSide = 8;
/** Long rows are walked once for their parts' totals, and again. */
const inPasses = (): number => 4;

const usual = {
  domain: ofResult,
  rowWise: false,
  writesWhereItReads: false,
  takesEpilogues: false,
  evaluations: () => 1,
  inMemory: "none",
  overwrites: () => [],
  parts: [],
  parameters: ["map", "row"],
} as const;
const products = ["gemv", "tile", "wide"] as const;
const composed: KernelKind = { ...usual, parameters: [], domain: ofNothing, inMemory: "all" };

export const kinds: Readonly<Record<GroupKind, KernelKind>> = {
  map: {
    ...usual,
    schedule: whole(scheduleMap),
    rowWise: true,
    writesWhereItReads: true,
    takesEpilogues: true,
    parts: ["rows"],
    choice: mapChoice,
  },
  reduce: {
    ...usual,
    schedule: whole(scheduleReduce),
    domain: folded,
    rowWise: true,
    takesEpilogues: true,
    parts: ["rows"],
    choice: reduceChoice,
  },
  prefix: { ...usual, schedule: whole(schedulePrefix), evaluations: inPasses, parts: ["rows"] },
  sort: { ...usual, schedule: whole(scheduleSort), evaluations: inPasses, parts: ["rows"] },
  topK: { ...usual, schedule: whole(scheduleTopK), domain: ofOperand, parts: ["rows"] },
  contraction: {
    ...usual,
    schedule: whole(scheduleContraction),
    takesEpilogues: true,
    evaluations: ofTiles,
    parts: ["rows", "columns"],
    parameters: products,
    choice: contractionChoice,
  },
  raggedContraction: {
    ...usual,
    schedule: whole(scheduleRagged),
    takesEpilogues: true,
    evaluations: ofTiles,
    parameters: products,
  },
  attention: {
    ...usual,
    schedule: whole(scheduleAttention),
    evaluations: ofProducts,
    parameters: ["attention"],
  },
  update: {
    ...usual,
    schedule: scheduleUpdate,
    inMemory: "updated",
    overwrites: () => [0],
    parts: ["rows"],
  },
  custom: { ...composed, schedule: scheduleCustom, overwrites: aliasedOperands },
  exchange: composed,
  loop: composed,
  branch: composed,
};

export const kindOf = (group: Pick<Group, "kind">): KernelKind => kinds[group.kind];
