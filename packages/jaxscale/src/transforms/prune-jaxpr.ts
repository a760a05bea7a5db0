/** Dead code, with the arguments and constants that only it used. */
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { isPure, rulesOf } from "../primitives/primitive.ts";

export interface PrunedJaxpr {
  readonly jaxpr: ClosedJaxpr;
  readonly usedArguments: readonly boolean[];
}

/** Keeps the results that are used, and what they need; all arguments too if `keepArguments`. */
export function pruneJaxpr(closed: ClosedJaxpr, usedResults?: readonly boolean[], keepArguments = false): PrunedJaxpr {
  const { jaxpr, consts } = closed;
  const outvars = usedResults ? jaxpr.outvars.filter((_, i) => usedResults[i]) : jaxpr.outvars;
  const used = new Set<Atom>(outvars);
  const eqns: JaxprEqn[] = [];
  for (const eqn of jaxpr.eqns.toReversed()) {
    const usedOutputs = eqn.outputs.map((v) => used.has(v));
    const isUsed = usedOutputs.some(Boolean);
    if (!isUsed && isPure(eqn)) continue;
    const kept = !isUsed || usedOutputs.every(Boolean) ? eqn : pruneEqn(eqn, usedOutputs);
    for (const atom of kept.inputs) used.add(atom);
    eqns.push(kept);
  }
  const usedArguments = jaxpr.invars.map((v) => keepArguments || used.has(v));
  const keepConst = jaxpr.constvars.map((v) => used.has(v));
  return {
    jaxpr: {
      jaxpr: {
        constvars: jaxpr.constvars.filter((_, i) => keepConst[i]),
        invars: jaxpr.invars.filter((_, i) => usedArguments[i]),
        eqns: eqns.reverse(),
        outvars,
      },
      consts: consts.filter((_, i) => keepConst[i]),
    },
    usedArguments,
  };
}

/** A call without the results that nothing uses. */
function pruneEqn(eqn: JaxprEqn, usedOutputs: readonly boolean[]): JaxprEqn {
  const pruned = rulesOf(eqn.primitive).prune?.(eqn.params, usedOutputs, pruneJaxpr);
  if (!pruned) return eqn;
  return {
    ...eqn,
    params: pruned.params,
    inputs: eqn.inputs.filter((_, i) => pruned.usedOperands[i]),
    outputs: eqn.outputs.filter((_: Var, i) => (pruned.keptResults ?? usedOutputs)[i]),
  };
}
