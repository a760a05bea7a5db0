/** Jaxprs that primitives write: of ops that are lowered as other ops. */
import {
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  resultTypes,
  type ShapedArray,
  shapedArray,
  type Var,
} from "../jaxpr/ir.ts";
import { type JaxprTransforms, makeOps, type OpBuilder, type Operand } from "./op-builder.ts";
import { primitiveNamed } from "./primitive.ts";

/** The equations that `f` makes of arguments of these types. */
export function recordJaxpr(
  avals: readonly ShapedArray[],
  f: (ops: OpBuilder, args: readonly Operand[]) => readonly Operand[],
): ClosedJaxpr {
  const eqns: JaxprEqn[] = [];
  const ops = makeOps({
    bind: (name, operands, params = {}) => {
      const primitive = primitiveNamed(name);
      const inputs = operands as readonly Var[];
      const types = inputs.map((v) => v.aval);
      const outputs = resultTypes(primitive, types, params).map(newVar);
      eqns.push({ primitive, inputs, outputs, params, source: { scope: "" } });
      return outputs;
    },
    literal: (value, dtype) => newLiteral(value, shapedArray([], dtype)),
    transforms: undefined as unknown as JaxprTransforms,
  });
  const invars = avals.map(newVar);
  const outvars = f(ops, invars) as readonly Var[];
  return { jaxpr: { constvars: [], invars, eqns, outvars }, consts: [] };
}
