/** The walk that the rewriting passes share. */
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";

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
