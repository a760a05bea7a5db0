/** Transposition: from cotangents of a linear program's results to cotangents of its arguments. */
import { invariant } from "../base/errors.ts";
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import type { OpBuilder, Operand } from "../primitives/op-builder.ts";
import { noRule, rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { withSource } from "../trace/scope.ts";
import { bind } from "../trace/trace.ts";
import { constantOf, valueOf } from "./eval-jaxpr.ts";

/**
 * @param args values of the arguments in which the program is not linear; null for the others
 * @param cotangents of the results; null is a zero
 * @returns cotangents of the linear arguments, null for the others and for zeros
 */
export function backwardPass(
  ops: OpBuilder,
  closed: ClosedJaxpr,
  args: readonly (Array | null)[],
  cotangents: readonly (Array | null)[],
): (Array | null)[] {
  const { jaxpr } = closed;
  const values = new Map<Var, Array>();
  const linear = new Set<Var>();
  jaxpr.constvars.forEach((v, i) => values.set(v, constantOf(closed, i)));
  jaxpr.invars.forEach((v, i) => {
    const value = args[i];
    if (value === null) linear.add(v);
    else values.set(v, value);
  });
  const isLinear = (atom: Atom): atom is Var => atom.kind === "var" && linear.has(atom);

  const linearEqns: JaxprEqn[] = [];
  for (const eqn of jaxpr.eqns) {
    if (eqn.inputs.some(isLinear)) {
      for (const v of eqn.outputs) linear.add(v);
      linearEqns.push(eqn);
      continue;
    }
    const operands = eqn.inputs.map((atom) => valueOf(atom, values));
    const results = withSource(eqn.source, () => bind(eqn.primitive, operands, eqn.params));
    eqn.outputs.forEach((v, i) => values.set(v, results[i]));
  }

  const sums = new Map<Var, Operand | null>();
  const accumulate = (v: Var, cotangent: Operand | null): void => {
    sums.set(v, ops.addAny(sums.get(v) ?? null, cotangent));
  };
  jaxpr.outvars.forEach((atom, i) => {
    if (isLinear(atom)) accumulate(atom, cotangents[i]);
  });
  for (const eqn of linearEqns.reverse()) {
    const results = eqn.outputs.map((v) => sums.get(v) ?? null);
    for (const v of eqn.outputs) sums.delete(v);
    if (results.every((ct) => ct === null)) continue;
    withSource(eqn.source, () => {
      const operands = eqn.inputs.map((atom) => (isLinear(atom) ? null : valueOf(atom, values)));
      const out = transposed(ops, eqn, results, operands);
      eqn.inputs.forEach((atom, i) => {
        if (isLinear(atom)) accumulate(atom, out[i]);
      });
    });
  }
  return jaxpr.invars.map((v) => (linear.has(v) ? ((sums.get(v) ?? null) as Array | null) : null));
}

function transposed(
  ops: OpBuilder,
  { primitive, params, inputs, outputs }: JaxprEqn,
  cotangents: readonly (Operand | null)[],
  operands: readonly (Operand | null)[],
): readonly (Operand | null)[] {
  const { transpose } = rulesOf(primitive);
  if (!transpose) throw noRule(primitive, "transpose");
  const context = { params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
  const out = transpose(ops, cotangents, operands, context);
  invariant(out.length === operands.length, `${primitive.name} gives a cotangent for each operand`);
  return out;
}
