/** Branches: all are in the program, each under a guard; results that are operands, or operands updated in place, are not copied. */
import { invariant } from "../../base/errors.ts";
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../../jaxpr/ir.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";
import { commit, draftBody } from "./loop.ts";
import type { Draft, DraftProgram, DraftScope } from "./steps.ts";

/** Each branch does its work only where operand 0 is its number. */
export function draftBranch(
  group: Group,
  neededLater: (memory: Var) => boolean,
  program: DraftProgram,
  scope: DraftScope,
): readonly Draft[] {
  const [eqn] = group.members;
  const branches = branchesOf(eqn);
  invariant(branches, "a branch group has branches");
  const taken = takeOver(eqn, branches, neededLater, program);
  const [index, ...operands] = eqn.inputs.map((a, i) => taken.get(i) ?? a);
  const draftOne = (branch: ClosedJaxpr, inner: DraftScope): readonly Draft[] => {
    const { drafts, results } = draftBody(branch, operands, program, inner, new Set(taken.values()));
    return [...drafts, ...commit(results, eqn.outputs, program, inner)];
  };
  if (index.kind === "literal") return draftOne(branches[index.value], scope);
  return branches.flatMap((branch, i) =>
    draftOne(branch, { ...scope, guards: [...scope.guards, { variable: index, equals: i }] }),
  );
}

function branchesOf(eqn: JaxprEqn): readonly ClosedJaxpr[] | undefined {
  const { lowering } = rules(eqn);
  return lowering.kind === "branch" ? lowering.branches(contextOf(eqn)) : undefined;
}

/** Aliases results to the operands that they update, by the operand's position. */
function takeOver(
  eqn: JaxprEqn,
  branches: readonly ClosedJaxpr[],
  neededLater: (memory: Var) => boolean,
  { sharing }: DraftProgram,
): ReadonlyMap<number, Var> {
  const memories = eqn.inputs.map((a) => (a.kind === "var" ? sharing.resolve(a) : undefined));
  const taken = new Map<number, Var>();
  eqn.outputs.forEach((result, i) => {
    const operand = continued(branches, i);
    if (operand === undefined || taken.has(operand)) return;
    const old = memories[operand];
    const onlyUse = old !== undefined && memories.filter((v) => v === old).length === 1 && !neededLater(old);
    if (onlyUse && sharing.takeOver(old, result)) taken.set(operand, result);
  });
  return taken;
}

/** Position of the operand that some branch returns as result `i`, unchanged or updated in place. */
function continued(branches: readonly ClosedJaxpr[], i: number): number | undefined {
  for (const { jaxpr } of branches) {
    const makers = new Map(jaxpr.eqns.flatMap((eqn) => eqn.outputs.map((v, output) => [v, { eqn, output }] as const)));
    let atom: Atom | undefined = jaxpr.outvars[i];
    while (atom?.kind === "var") {
      const place = jaxpr.invars.indexOf(atom);
      if (place >= 0) return 1 + place;
      const maker = makers.get(atom);
      atom = maker && updated(maker.eqn, maker.output);
    }
  }
  return undefined;
}

/** The operand that an equation's result may alias. */
function updated(eqn: JaxprEqn, output: number): Atom | undefined {
  const { lowering } = rules(eqn);
  if (lowering.kind === "update") return eqn.inputs[0];
  if (lowering.kind === "loop") return eqn.inputs[lowering.loop(contextOf(eqn)).carries[output] ?? -1];
  return eqn.inputs[continued(branchesOf(eqn) ?? [], output) ?? -1];
}
