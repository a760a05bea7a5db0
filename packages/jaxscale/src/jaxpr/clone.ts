/** A jaxpr again, with variables of its own: two uses of one body must not share them. */
import { type Atom, type ClosedJaxpr, newVar, type Var } from "./ir.ts";

/** @param fixed variables of the body that stand for something else from now on */
export function cloneJaxpr({ jaxpr, consts }: ClosedJaxpr, fixed: ReadonlyMap<Var, Atom> = new Map()): ClosedJaxpr {
  const names = new Map<Var, Atom>(fixed);
  const define = (v: Var): Var => {
    const known = names.get(v);
    if (known?.kind === "var") return known;
    const fresh = newVar(v.aval);
    names.set(v, fresh);
    return fresh;
  };
  const mention = (a: Atom): Atom => (a.kind === "var" ? (names.get(a) ?? a) : a);
  const kept = (v: Var): boolean => names.get(v)?.kind !== "literal";
  const constvars = jaxpr.constvars.filter(kept).map(define);
  const invars = jaxpr.invars.filter(kept).map(define);
  const eqns = jaxpr.eqns.map((eqn) => ({
    ...eqn,
    inputs: eqn.inputs.map(mention),
    outputs: eqn.outputs.map(define),
  }));
  return { jaxpr: { constvars, invars, eqns, outvars: jaxpr.outvars.map(mention) }, consts };
}
