/** Equations that are one op here and several in JAX, as those several. */
import { invariant } from "../base/errors.ts";
import { cloneJaxpr } from "./clone.ts";
import type { Atom, Jaxpr, JaxprEqn, Var } from "./ir.ts";

const known = new WeakMap<Jaxpr, Jaxpr>();

/** The jaxpr with every op that decomposes replaced by what it decomposes into, jaxprs inside equations left as they are. */
export function writeOut(jaxpr: Jaxpr): Jaxpr {
  if (!jaxpr.eqns.some((eqn) => eqn.primitive.decompose)) return jaxpr;
  let written = known.get(jaxpr);
  if (!written) known.set(jaxpr, (written = { ...jaxpr, eqns: jaxpr.eqns.flatMap(equationsOf) }));
  return written;
}

function equationsOf(eqn: JaxprEqn): readonly JaxprEqn[] {
  const { primitive, params, inputs, outputs } = eqn;
  const formula = primitive.decompose?.(
    params,
    inputs.map((atom) => atom.aval),
  );
  if (!formula) return [eqn];
  invariant(formula.consts.length === 0, `${primitive.name} decomposes without constants`);
  const names = new Map<Var, Atom>();
  formula.jaxpr.outvars.forEach((atom, i) => atom.kind === "var" && names.set(atom, outputs[i]));
  formula.jaxpr.invars.forEach((v, i) => names.set(v, inputs[i]));
  return writeOut(cloneJaxpr(formula, names).jaxpr).eqns;
}
