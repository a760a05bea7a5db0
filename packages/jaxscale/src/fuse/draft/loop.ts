/** Loops: their bodies fused like programs of their own, their carries kept in one place. */
import { invariant } from "../../base/errors.ts";
import { cloneJaxpr } from "../../jaxpr/clone.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  shapedArray,
  type Var,
} from "../../jaxpr/ir.ts";
import { convertElementType } from "../../primitives/convert.ts";
import type { LoopPlan } from "../../primitives/primitive.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";
import { draftCopy, originOf } from "./kernels.ts";
import type { Draft, DraftProgram, DraftScope } from "./steps.ts";

const int32 = shapedArray([], "int32");

/** A loop's carries lie in its results' buffers from the start: every iteration reads them, and writes its results into them. */
export function draftLoop(
  group: Group,
  neededLater: (memory: Var) => boolean,
  program: DraftProgram,
  scope: DraftScope,
): readonly Draft[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "loop", "a loop group has a loop");
  const plan = lowering.loop(contextOf(eqn));
  const carries = eqn.outputs;
  const { sharing } = program;
  const uses = eqn.inputs.map((a) => (a.kind === "var" ? sharing.resolve(a) : undefined));
  const first = plan.carries.flatMap((operand, i): readonly Draft[] => {
    if (operand === null) return [];
    const old = uses[operand];
    const onlyUse = old !== undefined && uses.filter((v) => v === old).length === 1 && !neededLater(old);
    if (onlyUse && sharing.takeOver(old, carries[i])) return [];
    return draftCopy(eqn.inputs[operand], carries[i], program, scope);
  });
  if (plan.trips === 0) return first;
  const origin = { ...originOf(group), flops: 0, bytes: 0, transcendentals: 0 };
  const constants = plan.constants.map((i) => eqn.inputs[i]);
  const depth = scope.depth;
  if (plan.trips !== null) {
    const body = draftIteration(plan, constants, carries, program, { ...scope, depth: depth + 1 }, plan.trips);
    return [...first, { kind: "loop", depth, trips: plan.trips, body, carries, origin }];
  }
  // The flag of a loop is written by unguarded kernels only: in a branch that does not run it stays 0.
  const flag = newVar(int32);
  const condition = (): readonly Draft[] => draftCondition(plan, constants, carries, flag, program, scope);
  const inner = { ...scope, depth: depth + 1, guards: [...scope.guards, { variable: flag, equals: 1 }] };
  const iteration = draftIteration(plan, constants, carries, program, inner, 2 ** 31 - 1);
  const reset = draftCopy(newLiteral(0, int32), flag, program, { ...scope, guards: [] });
  return [
    ...first,
    ...reset,
    ...condition(),
    { kind: "loop", depth, trips: plan.maxTrips ?? null, flag, body: [...iteration, ...condition()], carries, origin },
  ];
}

/** One iteration: the body on the carries, then the carries are replaced. */
function draftIteration(
  { body }: LoopPlan,
  constants: readonly Atom[],
  carries: readonly Var[],
  program: DraftProgram,
  scope: DraftScope,
  trips: number,
): readonly Draft[] {
  const iteration = newVar(int32);
  const iterations = new Map([...scope.iterations, [iteration, { depth: scope.depth - 1, trips }]]);
  const inner = { ...scope, iterations };
  const { drafts, results } = draftBody(body, [iteration, ...constants, ...carries], program, inner, new Set(carries));
  return [...drafts, ...commit(results, carries, program, inner)];
}

function draftCondition(
  { condition }: LoopPlan,
  constants: readonly Atom[],
  carries: readonly Var[],
  flag: Var,
  program: DraftProgram,
  scope: DraftScope,
): readonly Draft[] {
  invariant(condition, "a loop without a number of iterations has a condition");
  const { drafts, results } = draftBody(asInteger(condition), [...constants, ...carries], program, scope, new Set());
  return [...drafts, ...draftCopy(results[0], flag, program, scope)];
}

/** A predicate as 0 or 1. */
function asInteger({ jaxpr, consts }: ClosedJaxpr): ClosedJaxpr {
  const [predicate] = jaxpr.outvars;
  const result = newVar(int32);
  const eqn = {
    primitive: convertElementType,
    inputs: [predicate],
    outputs: [result],
    params: { newDtype: "int32", weakType: false },
    source: { scope: "" },
  } as unknown as JaxprEqn;
  return { jaxpr: { ...jaxpr, eqns: [...jaxpr.eqns, eqn], outvars: [result] }, consts };
}

/**
 * The steps of a jaxpr on operands that lie in memory (or are literals, or the number of an iteration).
 * @param mine memory that the jaxpr may update in place, if its results say so
 */
export function draftBody(
  body: ClosedJaxpr,
  operands: readonly Atom[],
  program: DraftProgram,
  scope: DraftScope,
  mine: ReadonlySet<Var>,
): { drafts: readonly Draft[]; results: readonly Atom[] } {
  invariant(body.consts.length === 0, "a body gets its constants as operands");
  const { sharing } = program;
  const given = new Map(body.jaxpr.invars.map((v, i) => [v, operands[i]]));
  // Literals and iteration numbers take the argument's place; memory is reached through a name of the body's own.
  const replaced = new Map([...given].filter(([, a]) => a.kind === "literal" || scope.iterations.has(a)));
  const { jaxpr } = cloneJaxpr(body, replaced);
  const inMemory = [...given].filter(([v]) => !replaced.has(v)).map(([, a]) => a as Var);
  const invars = jaxpr.invars.filter((v) => !scope.iterations.has(v));
  invars.forEach((v, i) => sharing.alias(v, inMemory[i]));
  const kept = inMemory.filter((v) => !mine.has(v));
  const drafts = sharing.inside(kept, mine, () =>
    program.draft(program.fuse({ ...jaxpr, invars }, scope.guards.length), program, scope),
  );
  return { drafts, results: jaxpr.outvars };
}

/** Replaces carries by results. A result that is another carry's old value is copied first. */
export function commit(
  results: readonly Atom[],
  carries: readonly Var[],
  program: DraftProgram,
  scope: DraftScope,
): readonly Draft[] {
  const { sharing } = program;
  const before: Draft[] = [];
  const after: Draft[] = [];
  results.forEach((result, i) => {
    const home = carries[i];
    const lies = result.kind === "var" ? sharing.rootOf(result) : undefined;
    if (lies === sharing.rootOf(home)) return;
    if (result.kind === "var" && carries.some((c) => sharing.rootOf(c) === lies)) {
      const aside = newVar(result.aval);
      before.push(...draftCopy(result, aside, program, scope));
      after.push(...draftCopy(aside, home, program, scope));
    } else after.push(...draftCopy(result, home, program, scope));
  });
  return [...before, ...after];
}
