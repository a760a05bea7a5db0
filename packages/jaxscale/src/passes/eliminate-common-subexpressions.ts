/** Computes each thing once. */
import { sameStatic } from "../base/pytree.ts";
import { type Atom, type ClosedJaxpr, formatAval, type JaxprEqn } from "../jaxpr/ir.ts";
import { isPure } from "../primitives/primitive.ts";
import { rewriteEqns } from "./rewrite.ts";

/** Equations of one op, without effect, with equal parameters and operands become one. */
export function eliminateCommonSubexpressions(closed: ClosedJaxpr): ClosedJaxpr {
  const seen = new Map<string, JaxprEqn[]>();
  return rewriteEqns(closed, (eqn) => {
    if (!isPure(eqn)) return undefined;
    const key = `${eqn.primitive.name} ${eqn.inputs.map(keyOf).join(" ")}`;
    const alike = seen.get(key);
    const same = alike?.find(
      (other) =>
        other.primitive === eqn.primitive &&
        other.source.region === eqn.source.region &&
        sameStatic(other.params, eqn.params),
    );
    if (same) return same.outputs;
    if (alike) alike.push(eqn);
    else seen.set(key, [eqn]);
    return undefined;
  });
}

const keyOf = (atom: Atom): string => {
  if (atom.kind === "var") return `v${atom.id}`;
  // String(-0) is "0", but -0 and 0 are different operands.
  const value = Object.is(atom.value, -0) ? "-0" : String(atom.value);
  return `${value}:${formatAval(atom.aval)}${atom.aval.weakType ? "*" : ""}`;
};
