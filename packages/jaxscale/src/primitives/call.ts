/** Calls of a jaxpr from a jaxpr. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { callRules, linearizeCall } from "./call-rules.ts";
import { definePrimitive } from "./primitive.ts";

export type JitParams = {
  readonly name: string;
  /** Has no constants: what the function closed over are leading arguments. */
  readonly jaxpr: ClosedJaxpr;
};

/** A jitted function called while another one is traced; inlined before anything is scheduled. */
export const jitCall = definePrimitive<JitParams>("jit", {
  abstractEval(inputs, { jaxpr: { jaxpr } }) {
    invariant(inputs.length === jaxpr.invars.length, "a call passes one operand for each argument");
    return jaxpr.outvars.map((a) => a.aval);
  },
  reference: (inputs, { jaxpr }) => interpret(jaxpr, inputs),
  printParams: ({ name, jaxpr }) => ({ name, jaxpr }),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  sharesNames: true,
  ...callRules<JitParams>("jit"),
  linearize: (ops, primals, nonzero, { params }) => linearizeCall("jit", ops, primals, nonzero, params),
  lowering: { kind: "call" },
  // Only its body is ever sharded.
  sharding: ({ inputs, outputs }) => ({
    operands: inputs.map((a) => a.shape.map(() => [])),
    results: outputs.map((a) => a.shape.map(() => [])),
    factors: {},
  }),
});
