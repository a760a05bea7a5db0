/** cond: one of several branches, chosen on the device. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { condRules } from "./cond-rules.ts";
import { definePrimitive } from "./primitive.ts";
import { replicatedRule } from "./sharding-free.ts";

export type CondParams = {
  /** All of one type; without constants. */
  readonly branches: readonly ClosedJaxpr[];
};

/** Operands: the branch's number (int32[], in range), the arguments of every branch. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.switch.html */
export const cond = definePrimitive<CondParams>("cond", {
  abstractEval([, ...args], { branches: [{ jaxpr }] }) {
    invariant(args.length === jaxpr.invars.length, "cond passes one operand for each argument of its branches");
    return jaxpr.outvars.map(({ aval }) => aval);
  },
  reference: ([index, ...args], { branches }) => interpret(branches[index.values[0]], args),
  printParams: ({ branches }) => ({ branches }),
  subJaxprs: ({ branches }) => branches,
  withSubJaxprs: (params, branches) => ({ ...params, branches }),
  lowering: { kind: "branch", branches: ({ params }) => params.branches },
  sharding: replicatedRule,
  ...condRules,
});
