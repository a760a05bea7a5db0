/** Collectives at the end of a loop's body whose results are stacked: done once on the stack, not once an iteration. */
import { type Atom, type ClosedJaxpr, type Jaxpr, type JaxprEqn, newVar, type Var } from "../jaxpr/ir.ts";
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
  const uses = usesOf(jaxpr);

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

/**
 * The reverse, for axes whose devices share a GPU: there a sum over devices costs least where its operand is made, and the parts of
 * all devices need no memory.
 */
export function sinkSums(closed: ClosedJaxpr, within: ReadonlySet<string>): ClosedJaxpr {
  const { jaxpr } = closed;
  const uses = usesOf(jaxpr);
  /** Sums by what they are of; one collective may sum several arrays. */
  const sums = new Map<Atom, { readonly eqn: JaxprEqn; readonly output: Var }>();
  for (const eqn of jaxpr.eqns) {
    const { agrees, axisNames } = rulesOf(eqn.primitive);
    if (!agrees || !axisNames?.(eqn.params).every((name) => within.has(name))) continue;
    eqn.inputs.forEach((x, i) => {
      if (uses.get(x) === 1) sums.set(x, { eqn, output: eqn.outputs[i] });
    });
  }
  const sunk = new Set<Var>();
  const eqns = jaxpr.eqns.map((eqn) => {
    const { edges, subJaxprs, withSubJaxprs } = rulesOf(eqn.primitive);
    const outputs = [...eqn.outputs];
    const bodies = [...subJaxprs(eqn.params)];
    for (const { result, outputs: from, stacked } of edges?.(eqn.params) ?? []) {
      const sum = stacked && result !== undefined && from.length === 1 ? sums.get(eqn.outputs[result]) : undefined;
      if (!sum) continue;
      const [[body, output]] = from;
      sunk.add(sum.output);
      outputs[result as number] = sum.output;
      bodies[body] = summed(bodies[body], output, sum.eqn);
    }
    return outputs.every((v, i) => v === eqn.outputs[i])
      ? eqn
      : { ...eqn, outputs, params: withSubJaxprs?.(eqn.params, bodies) ?? eqn.params };
  });
  if (sunk.size === 0) return closed;
  const isSum = new Set([...sums.values()].map(({ eqn }) => eqn));
  const left = eqns.flatMap((eqn) => {
    if (!isSum.has(eqn)) return [eqn];
    const kept = eqn.outputs.map((v) => !sunk.has(v));
    if (!kept.includes(true)) return [];
    return [{ ...eqn, inputs: eqn.inputs.filter((_, i) => kept[i]), outputs: eqn.outputs.filter((_, i) => kept[i]) }];
  });
  return { ...closed, jaxpr: { ...jaxpr, eqns: left } };
}

/** A body with one output combined over devices. */
function summed({ jaxpr, consts }: ClosedJaxpr, output: number, { primitive, params, source }: JaxprEqn): ClosedJaxpr {
  const part = jaxpr.outvars[output];
  const sum = newVar(part.aval);
  const eqns = [...jaxpr.eqns, { primitive, params, source, inputs: [part], outputs: [sum] }];
  return { jaxpr: { ...jaxpr, eqns, outvars: jaxpr.outvars.with(output, sum) }, consts };
}

function usesOf({ eqns, outvars }: Jaxpr): ReadonlyMap<Atom, number> {
  const uses = new Map<Atom, number>();
  for (const atom of [...eqns.flatMap(({ inputs }) => inputs), ...outvars]) uses.set(atom, (uses.get(atom) ?? 0) + 1);
  return uses;
}
