/** while: a body applied as long as a predicate of the carries holds. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, shapedArray } from "../jaxpr/ir.ts";
import { writeJaxpr } from "../jaxpr/write.ts";
import { definePrimitive } from "./primitive.ts";
import { replicatedRule } from "./sharding-free.ts";
import { whileRules } from "./while-rules.ts";

export type WhileParams = {
  /** Arguments: its constants, the carries. Result: bool[]. */
  readonly condJaxpr: ClosedJaxpr;
  readonly condNconsts: number;
  /** Arguments: its constants, the carries. Results: the carries. */
  readonly bodyJaxpr: ClosedJaxpr;
  readonly bodyNconsts: number;
  /** The most turns that can happen, where that is known. */
  readonly maxTrips?: number;
};

/** Operands: constants of the condition, constants of the body, first carries. Results: last carries. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html */
export const whileLoop = definePrimitive<WhileParams>("while", {
  abstractEval(inputs, { bodyJaxpr: { jaxpr }, condNconsts, bodyNconsts }) {
    invariant(inputs.length === condNconsts + jaxpr.invars.length && bodyNconsts >= 0, "while passes each argument");
    return jaxpr.outvars.map(({ aval }) => aval);
  },
  reference(inputs, { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts, maxTrips = Number.POSITIVE_INFINITY }) {
    const condConsts = inputs.slice(0, condNconsts);
    const bodyConsts = inputs.slice(condNconsts, condNconsts + bodyNconsts);
    let carries = inputs.slice(condNconsts + bodyNconsts);
    const goesOn = (): boolean => interpret(condJaxpr, [...condConsts, ...carries])[0].values[0] !== 0;
    for (let turn = 0; turn < maxTrips && goesOn(); turn++) carries = interpret(bodyJaxpr, [...bodyConsts, ...carries]);
    return carries;
  },
  printParams: ({ bodyJaxpr, bodyNconsts, condJaxpr, condNconsts, maxTrips }) => ({
    body_jaxpr: bodyJaxpr,
    body_nconsts: `${bodyNconsts}`,
    cond_jaxpr: condJaxpr,
    cond_nconsts: `${condNconsts}`,
    ...(maxTrips !== undefined && { max_trips: `${maxTrips}` }),
  }),
  subJaxprs: ({ bodyJaxpr, condJaxpr }) => [bodyJaxpr, condJaxpr],
  withSubJaxprs: (params, [bodyJaxpr, condJaxpr]) => ({ ...params, bodyJaxpr, condJaxpr }),
  lowering: {
    kind: "loop",
    loop({ params: { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts, maxTrips }, inputs }) {
      const count = condNconsts + bodyNconsts;
      const constants = inputs.slice(0, count).map((_, i) => i);
      const carries = inputs.slice(count).map((_, i) => count + i);
      return {
        trips: null,
        maxTrips,
        constants,
        carries,
        body: writeJaxpr([shapedArray([], "int32"), ...inputs], (w, [, ...args]) =>
          w.call(bodyJaxpr, [...args.slice(condNconsts, count), ...args.slice(count)]),
        ),
        condition: writeJaxpr(inputs, (w, args) =>
          w.call(condJaxpr, [...args.slice(0, condNconsts), ...args.slice(count)]),
        ),
      };
    },
  },
  sharding: replicatedRule,
  ...whileRules,
});
