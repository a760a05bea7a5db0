/** Evaluates what is known while compiling, and drops ops that change nothing. */
import { roundTo } from "../base/rounding.ts";
import { scalarTensor } from "../jaxpr/interpret.ts";
import { type Atom, type ClosedJaxpr, type JaxprEqn, type Literal, newLiteral, sameAval } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";
import { rewriteEqns } from "./rewrite.ts";

/** Scalars computed of literals become literals; `x*0`, `x-x` stay, for x may be NaN or infinite. */
export const foldConstants = (closed: ClosedJaxpr): ClosedJaxpr =>
  rewriteEqns(closed, (eqn) => unchangedOperand(eqn) ?? evaluated(eqn));

/** The operand, where the op says that it gives it back as it is. */
function unchangedOperand({ primitive, inputs, outputs, params }: JaxprEqn): readonly Atom[] | undefined {
  const { identity } = rulesOf(primitive);
  if (!identity || outputs.length !== 1 || !sameAval(inputs[0].aval, outputs[0].aval)) return undefined;
  const context = { params, inputs: inputs.map((atom) => atom.aval), outputs: outputs.map((atom) => atom.aval) };
  return identity(context) ? [inputs[0]] : undefined;
}

function evaluated({ primitive, inputs, outputs, params }: JaxprEqn): readonly Atom[] | undefined {
  const { pure, lowering, axisNames } = rulesOf(primitive);
  if (!pure || lowering.kind === "custom" || !inputs.every(isLiteral)) return undefined;
  // Each GPU has its own result.
  if (axisNames) return undefined;
  // What calls jaxprs may be long, or hold what the host cannot do.
  if (primitive.subJaxprs(params).length > 0) return undefined;
  if (outputs.length === 0 || outputs.some(({ aval }) => aval.shape.length > 0)) return undefined;
  const results = primitive.reference(
    inputs.map(({ value, aval }) => scalarTensor(value, aval)),
    params,
  );
  return outputs.map(({ aval }, i) => newLiteral(roundTo(aval.dtype, results[i].values[0]), aval));
}

const isLiteral = (atom: Atom): atom is Literal => atom.kind === "literal";
