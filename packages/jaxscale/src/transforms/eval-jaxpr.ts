/** Runs a jaxpr's equations in the current trace. */
import { invariant } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { Atom, ClosedJaxpr, Var } from "../jaxpr/ir.ts";
import { Array } from "../trace/array.ts";
import { withSource } from "../trace/scope.ts";
import { bind, getBackend } from "../trace/trace.ts";

export function evalJaxpr(closed: ClosedJaxpr, args: readonly Array[]): readonly Array[] {
  const { jaxpr } = closed;
  invariant(args.length === jaxpr.invars.length, "a jaxpr gets an operand for each argument");
  const values = new Map<Var, Array>();
  jaxpr.constvars.forEach((v, i) => values.set(v, constantOf(closed, i)));
  jaxpr.invars.forEach((v, i) => values.set(v, args[i]));
  const read = (atom: Atom): Array => valueOf(atom, values);
  for (const { primitive, inputs, outputs, params, source } of jaxpr.eqns) {
    const results = withSource(source, () => bind(primitive, inputs.map(read), params));
    outputs.forEach((v, i) => values.set(v, results[i]));
  }
  return jaxpr.outvars.map(read);
}

/** A literal is a scalar known on the host. */
export function valueOf(atom: Atom, values: ReadonlyMap<Var, Array>): Array {
  if (atom.kind === "literal") return getBackend().scalar(atom.value, atom.aval);
  const value = values.get(atom);
  invariant(value, `v${atom.id} has no value`);
  return value;
}

/** A constant as an array, also one that lies on the host. */
export function constantOf({ jaxpr, consts }: ClosedJaxpr, i: number): Array {
  const value = consts[i];
  return value instanceof Array ? value : getBackend().fromHost(value as HostTensor, jaxpr.constvars[i].aval.weakType);
}
