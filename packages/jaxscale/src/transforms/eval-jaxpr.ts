/** Runs a jaxpr's equations in the current trace. */
import { invariant } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { Atom, ClosedJaxpr, JaxprEqn, Literal, Var } from "../jaxpr/ir.ts";
import { Array } from "../trace/array.ts";
import { withSource } from "../trace/scope.ts";
import { bind, getBackend } from "../trace/trace.ts";

export const evalJaxpr = (closed: ClosedJaxpr, args: readonly Array[]): readonly Array[] =>
  evalJaxprBy(closed, args, {
    lift: (x) => x,
    process: ({ primitive, params }, operands) => bind(primitive, operands, params),
  });

/** How equations are evaluated over values of another kind than arrays. */
export interface Evaluation<T> {
  /** The value of a constant or literal. */
  readonly lift: (x: Array) => T;
  readonly process: (eqn: JaxprEqn, operands: readonly T[]) => readonly T[];
}

export function evalJaxprBy<T>(
  closed: ClosedJaxpr,
  args: readonly T[],
  { lift, process }: Evaluation<T>,
): readonly T[] {
  const { jaxpr } = closed;
  invariant(args.length === jaxpr.invars.length, "a jaxpr gets an operand for each argument");
  const values = new Map<Var, T>();
  jaxpr.constvars.forEach((v, i) => values.set(v, lift(constantOf(closed, i))));
  jaxpr.invars.forEach((v, i) => values.set(v, args[i]));
  const read = (atom: Atom): T => {
    if (atom.kind === "literal") return lift(literalOf(atom));
    const value = values.get(atom);
    invariant(value !== undefined, `v${atom.id} has no value`);
    return value;
  };
  for (const eqn of jaxpr.eqns) {
    const results = withSource(eqn.source, () => process(eqn, eqn.inputs.map(read)));
    eqn.outputs.forEach((v, i) => values.set(v, results[i]));
  }
  return jaxpr.outvars.map(read);
}

/** A literal is a scalar known on the host. */
const literalOf = ({ value, aval }: Literal): Array => getBackend().scalar(value, aval);

export function valueOf(atom: Atom, values: ReadonlyMap<Var, Array>): Array {
  if (atom.kind === "literal") return literalOf(atom);
  const value = values.get(atom);
  invariant(value, `v${atom.id} has no value`);
  return value;
}

/** A constant as an array, also one that lies on the host. */
export function constantOf({ jaxpr, consts }: ClosedJaxpr, i: number): Array {
  const value = consts[i];
  return value instanceof Array ? value : getBackend().fromHost(value as HostTensor, jaxpr.constvars[i].aval.weakType);
}
