/** Lets an op write its result as its one reader would make it: with the axes in another order, or summed over some. */
import type { ClosedJaxpr, JaxprEqn } from "../jaxpr/ir.ts";
import { type Refolded, rulesOf } from "../primitives/primitive.ts";

/**
 * As gradients of products have them, `transpose(ct · x)` is `x · ct`, without a pass over memory against its order. A sum over a
 * batch axis of products, as of devices that share a GPU, is one product that contracts that axis too.
 */
export function foldIntoMakers(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  const reads = new Map<unknown, number>();
  for (const atom of [...jaxpr.eqns.flatMap((eqn) => eqn.inputs), ...jaxpr.outvars])
    reads.set(atom, (reads.get(atom) ?? 0) + 1);
  const eqns: JaxprEqn[] = [];
  /** Where the equations of variables are among `eqns`. */
  const places = new Map<unknown, number>();
  for (const eqn of jaxpr.eqns) {
    const place = reads.get(eqn.inputs[0]) === 1 ? places.get(eqn.inputs[0]) : undefined;
    const folded = place === undefined ? undefined : foldedInto(eqns[place], eqn);
    const at = folded ? (place as number) : eqns.length;
    eqns[at] = folded ?? eqn;
    for (const output of eqn.outputs) places.set(output, at);
  }
  return eqns.length === jaxpr.eqns.length ? closed : { jaxpr: { ...jaxpr, eqns }, consts };
}

/** The maker of the reader's operand, making the reader's result; undefined if it cannot. */
function foldedInto(maker: JaxprEqn, { primitive, params, outputs }: JaxprEqn): JaxprEqn | undefined {
  const { permutation, sumAxes } = rulesOf(primitive);
  const { permuted, summed } = rulesOf(maker.primitive);
  const context = {
    params: maker.params,
    inputs: maker.inputs.map((atom) => atom.aval),
    outputs: maker.outputs.map((v) => v.aval),
  };
  const found: Refolded | undefined =
    (permutation && permuted?.(context, permutation(params))) ?? (sumAxes && summed?.(context, sumAxes(params)));
  return found && { ...maker, inputs: found.operands.map((i) => maker.inputs[i]), outputs, params: found.params };
}
