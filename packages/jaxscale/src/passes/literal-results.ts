/** Results that are known while compiling. */
import { hostTensor } from "../base/tensor-data.ts";
import { type ClosedJaxpr, newVar, type Var } from "../jaxpr/ir.ts";

/** Literals among the results become constants, which have memory. */
export function storeLiteralResults(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  if (jaxpr.outvars.every((a) => a.kind === "var")) return closed;
  const constvars: Var[] = [...jaxpr.constvars];
  const constants: unknown[] = [...consts];
  const outvars = jaxpr.outvars.map((a) => {
    if (a.kind === "var") return a;
    const variable = newVar(a.aval);
    const tensor = hostTensor([], a.aval.dtype);
    tensor.values[0] = a.value;
    constvars.push(variable);
    constants.push(tensor);
    return variable;
  });
  return { jaxpr: { ...jaxpr, constvars, outvars }, consts: constants };
}
