/** Walks over equations that passes share. */
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";

/**
 * Goes through the equations front to back, each with what replaced its operands. `replace` says which atoms stand for an
 * equation's results from there on, and so drops it; undefined keeps it.
 */
export function rewriteEqns(
  { jaxpr, consts }: ClosedJaxpr,
  replace: (eqn: JaxprEqn) => readonly Atom[] | undefined,
): ClosedJaxpr {
  const replaced = new Map<Var, Atom>();
  const current = (atom: Atom): Atom => (atom.kind === "var" ? (replaced.get(atom) ?? atom) : atom);
  const eqns: JaxprEqn[] = [];
  for (const original of jaxpr.eqns) {
    const inputs = original.inputs.map(current);
    const eqn = inputs.every((atom, i) => atom === original.inputs[i]) ? original : { ...original, inputs };
    const results = replace(eqn);
    if (results) eqn.outputs.forEach((output, i) => replaced.set(output, results[i]));
    else eqns.push(eqn);
  }
  return { jaxpr: { ...jaxpr, eqns, outvars: jaxpr.outvars.map(current) }, consts };
}

/** Applies a pass to the jaxprs that equations hold, innermost first, wherever they are not inlined. */
export function inBodies(pass: (body: ClosedJaxpr) => ClosedJaxpr, closed: ClosedJaxpr): ClosedJaxpr {
  const eqns = closed.jaxpr.eqns.map((eqn) => {
    const { subJaxprs, withSubJaxprs, lowering } = rulesOf(eqn.primitive);
    const bodies = subJaxprs(eqn.params);
    if (bodies.length === 0 || lowering.kind === "call" || !withSubJaxprs) return eqn;
    const changed = bodies.map((body) => pass(inBodies(pass, body)));
    return changed.every((body, i) => body === bodies[i])
      ? eqn
      : { ...eqn, params: withSubJaxprs(eqn.params, changed) };
  });
  return eqns.every((eqn, i) => eqn === closed.jaxpr.eqns[i])
    ? closed
    : { ...closed, jaxpr: { ...closed.jaxpr, eqns } };
}
