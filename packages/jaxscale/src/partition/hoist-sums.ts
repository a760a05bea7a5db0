/** Collectives at the end of a loop's body whose results are stacked: done once on the stack, not once an iteration. */
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";

export type Collective = Pick<JaxprEqn, "primitive" | "params">;

export interface Hoisted {
  readonly body: ClosedJaxpr;
  /** What is left to do on stacked outputs. */
  readonly collectives: ReadonlyMap<number, Collective>;
}

/** @param stacked numbers of the outputs that the loop stacks */
export function hoistSums(body: ClosedJaxpr, stacked: readonly number[]): Hoisted {
  const { jaxpr } = body;
  const madeBy = new Map(jaxpr.eqns.flatMap((eqn) => eqn.outputs.map((v) => [v, eqn] as const)));
  const uses = new Map<Atom, number>();
  for (const atom of [...jaxpr.eqns.flatMap(({ inputs }) => inputs), ...jaxpr.outvars])
    uses.set(atom, (uses.get(atom) ?? 0) + 1);

  /** Combines devices' values element by element, and only a stacked output needs it: data may be moved behind it. */
  const collectiveBehind = (atom: Atom): JaxprEqn | undefined => {
    const eqn = atom.kind === "var" && uses.get(atom) === 1 ? madeBy.get(atom) : undefined;
    if (eqn?.inputs.length !== 1) return undefined;
    const { agrees, lowering } = rulesOf(eqn.primitive);
    if (agrees) return eqn;
    return lowering.kind === "map" && lowering.movement ? collectiveBehind(eqn.inputs[0]) : undefined;
  };
  const collectives = new Map<number, JaxprEqn>();
  for (const output of stacked) {
    const found = collectiveBehind(jaxpr.outvars[output]);
    if (found) collectives.set(output, found);
  }
  if (collectives.size === 0) return { body, collectives };

  const dropped = new Set(collectives.values());
  const operandOf = new Map<Var, Atom>([...dropped].map(({ inputs, outputs }) => [outputs[0], inputs[0]]));
  const current = (atom: Atom): Atom => (atom.kind === "var" && operandOf.get(atom)) || atom;
  const eqns = jaxpr.eqns
    .filter((eqn) => !dropped.has(eqn))
    .map((eqn) => (eqn.inputs.some((a) => current(a) !== a) ? { ...eqn, inputs: eqn.inputs.map(current) } : eqn));
  return { body: { ...body, jaxpr: { ...jaxpr, eqns, outvars: jaxpr.outvars.map(current) } }, collectives };
}
