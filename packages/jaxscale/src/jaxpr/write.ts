/** Writing a small jaxpr by hand, equation by equation. */
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type Params,
  type Primitive,
  resultTypes,
  type ShapedArray,
  shapedArray,
  type Var,
} from "./ir.ts";

export interface JaxprWriter {
  /** The results of an op on operands. */
  readonly bind: <P extends Params>(primitive: Primitive<P>, operands: readonly Atom[], params: P) => readonly Var[];
  /** An int32 constant. */
  readonly int: (value: number) => Atom;
  /** The results of a jaxpr without constants on operands, written out. */
  readonly call: (body: ClosedJaxpr, operands: readonly Atom[]) => readonly Atom[];
}

/** @param write gets the arguments and gives the results */
export function writeJaxpr(
  avals: readonly ShapedArray[],
  write: (writer: JaxprWriter, args: readonly Var[]) => readonly Atom[],
): ClosedJaxpr {
  const invars = avals.map(newVar);
  const eqns: JaxprEqn[] = [];
  const bind: JaxprWriter["bind"] = (primitive, operands, params) => {
    const types = operands.map((a) => a.aval);
    const outputs = resultTypes(primitive, types, params).map(newVar);
    eqns.push({
      primitive: primitive as unknown as Primitive,
      inputs: operands,
      outputs,
      params,
      source: { scope: "" },
    });
    return outputs;
  };
  const call: JaxprWriter["call"] = ({ jaxpr }, operands) => {
    const names = new Map<Var, Atom>(jaxpr.invars.map((v, i) => [v, operands[i]]));
    const mention = (a: Atom): Atom => (a.kind === "var" ? (names.get(a) ?? a) : a);
    for (const eqn of jaxpr.eqns) {
      const outputs = eqn.outputs.map((v) => newVar(v.aval));
      eqn.outputs.forEach((v, i) => names.set(v, outputs[i]));
      eqns.push({ ...eqn, inputs: eqn.inputs.map(mention), outputs });
    }
    return jaxpr.outvars.map(mention);
  };
  const int = (value: number): Atom => newLiteral(value, shapedArray([], "int32"));
  const outvars = write({ bind, int, call }, invars);
  return { jaxpr: { constvars: [], invars, eqns, outvars }, consts: [] };
}
