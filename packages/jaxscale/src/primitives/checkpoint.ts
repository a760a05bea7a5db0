/** remat2: a call whose intermediate values are computed again for its derivative instead of being kept. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { callRules, spread } from "./call.ts";
import { replicatedRule } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";
import { bool } from "./python-text.ts";

export type CheckpointParams = {
  readonly jaxpr: ClosedJaxpr;
  /** It is part of a derivative already, so what it computes again must not be merged with what computed it before. */
  readonly differentiated: boolean;
};

const isSet = <T>(x: T | null): x is T => x !== null;

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.checkpoint.html */
export const checkpointCall = definePrimitive<CheckpointParams>("remat2", {
  ...callRules<CheckpointParams>("remat2"),
  abstractEval(inputs, { jaxpr: { jaxpr } }) {
    invariant(inputs.length === jaxpr.invars.length, "a call passes one operand for each argument");
    return jaxpr.outvars.map((a) => a.aval);
  },
  varying: "bodies",
  reference: (inputs, { jaxpr }) => interpret(jaxpr, inputs),
  printParams: ({ jaxpr, differentiated }) => ({
    differentiated: bool(differentiated),
    jaxpr,
    policy: "None",
    prevent_cse: "True",
  }),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  lowering: { kind: "call", isolated: ({ differentiated }) => differentiated },
  sharding: replicatedRule,
  // Only arguments are residuals: the derivative starts by computing the rest again.
  linearize: ({ bind, transforms }, primals, nonzero, { params: { jaxpr } }) => {
    const derivative = transforms.tangentJaxpr(jaxpr, nonzero);
    const { jaxpr: body, usedArguments } = transforms.pruneJaxpr(
      derivative.jaxpr,
      derivative.jaxpr.jaxpr.outvars.map(() => true),
    );
    return {
      results: transforms.evalJaxpr(jaxpr, primals),
      linear: (tangents) => {
        const operands = [...primals, ...tangents.filter(isSet)].filter((_, i) => usedArguments[i]);
        return spread(derivative.nonzero, bind("remat2", operands, { jaxpr: body, differentiated: true }));
      },
    };
  },
});
