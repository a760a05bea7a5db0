/** Passes on the bodies of loops and branches. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";

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
