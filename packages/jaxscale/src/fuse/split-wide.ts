/** Equations with more operands than a kernel can bind, in steps. */
import type { Target } from "../base/target.ts";
import { type Atom, type Jaxpr, type JaxprEqn, newVar } from "../jaxpr/ir.ts";
import { rules } from "./graph.ts";

/** The jaxpr with each wide equation that allows it replaced by equations on runs of its operands, and one on their results. */
export function splitWide(jaxpr: Jaxpr, target: Target): Jaxpr {
  // One binding is the result's, one is kept in reserve.
  const most = target.limits.maxStorageBuffersPerShaderStage - 2;
  if (!jaxpr.eqns.some((eqn) => isWide(eqn, most))) return jaxpr;
  return { ...jaxpr, eqns: jaxpr.eqns.flatMap((eqn) => (isWide(eqn, most) ? inSteps(eqn, most) : [eqn])) };
}

const isWide = (eqn: JaxprEqn, most: number): boolean => eqn.inputs.length > most && rules(eqn).stepwise === true;

function inSteps(eqn: JaxprEqn, most: number): JaxprEqn[] {
  const steps: JaxprEqn[] = [];
  let operands: readonly Atom[] = eqn.inputs;
  while (operands.length > most) {
    const results: Atom[] = [];
    for (let at = 0; at < operands.length; at += most) {
      const inputs = operands.slice(at, at + most);
      if (inputs.length === 1) {
        results.push(inputs[0]);
        continue;
      }
      const avals = eqn.primitive.abstractEval(
        inputs.map((a) => a.aval),
        eqn.params,
      );
      const outputs = avals.map(newVar);
      steps.push({ ...eqn, inputs, outputs });
      results.push(outputs[0]);
    }
    operands = results;
  }
  return [...steps, { ...eqn, inputs: operands }];
}
