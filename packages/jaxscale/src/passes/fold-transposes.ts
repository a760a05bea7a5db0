/** Lets an op write its result with the axes in the order in which its one reader would put them. */
import type { ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";

/** As gradients of products have them: `transpose(ct · x)` is `x · ct`, without a pass over memory against its order. */
export function foldTransposes(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  const reads = new Map<unknown, number>();
  for (const atom of [...jaxpr.eqns.flatMap((eqn) => eqn.inputs), ...jaxpr.outvars])
    reads.set(atom, (reads.get(atom) ?? 0) + 1);
  const makers = new Map<unknown, JaxprEqn>();
  const changed = new Map<JaxprEqn, JaxprEqn>();
  const dropped = new Set<JaxprEqn>();
  for (const eqn of jaxpr.eqns) {
    const maker = reads.get(eqn.inputs[0]) === 1 ? makers.get(eqn.inputs[0]) : undefined;
    const permutation = rulesOf(eqn.primitive).permutation?.(eqn.params);
    const swapped = maker && permutation && withResultPermuted(maker, permutation, eqn.outputs);
    if (swapped) {
      changed.set(maker, swapped);
      dropped.add(eqn);
    } else for (const output of eqn.outputs) makers.set(output, eqn);
  }
  if (dropped.size === 0) return closed;
  const eqns = jaxpr.eqns.filter((eqn) => !dropped.has(eqn)).map((eqn) => changed.get(eqn) ?? eqn);
  return { jaxpr: { ...jaxpr, eqns }, consts };
}

function withResultPermuted(
  eqn: JaxprEqn,
  permutation: readonly number[],
  outputs: readonly Var[],
): JaxprEqn | undefined {
  const context = {
    params: eqn.params,
    inputs: eqn.inputs.map((atom) => atom.aval),
    outputs: eqn.outputs.map((v) => v.aval),
  };
  const found = rulesOf(eqn.primitive).permuted?.(context, permutation);
  return found && { ...eqn, inputs: found.operands.map((i) => eqn.inputs[i]), outputs, params: found.params };
}
