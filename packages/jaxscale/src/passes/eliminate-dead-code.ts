/** Drops what no result needs. */
import type { Atom, ClosedJaxpr } from "../jaxpr/ir.ts";
import { isPure } from "../primitives/primitive.ts";

/** Equations without effect whose results nothing uses go, and constants with them; arguments stay. */
export function eliminateDeadCode({ jaxpr, consts }: ClosedJaxpr): ClosedJaxpr {
  const needed = new Set<Atom>(jaxpr.outvars);
  const eqns = jaxpr.eqns
    .toReversed()
    .filter((eqn) => {
      const lives = !isPure(eqn) || eqn.outputs.some((output) => needed.has(output));
      if (lives) for (const input of eqn.inputs) needed.add(input);
      return lives;
    })
    .reverse();
  const isNeeded = jaxpr.constvars.map((variable) => needed.has(variable));
  return {
    jaxpr: { ...jaxpr, eqns, constvars: jaxpr.constvars.filter((_, i) => isNeeded[i]) },
    consts: consts.filter((_, i) => isNeeded[i]),
  };
}
