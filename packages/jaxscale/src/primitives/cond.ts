/** cond: one of several branches, chosen on the device. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import {
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type ShapedArray,
  shapedArray,
  type Var,
} from "../jaxpr/ir.ts";
import { broadcastInDim } from "./broadcast.ts";
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
  withEffects: (params, branches, extra) => {
    const before = branches.map((_, i) => extra.slice(0, i).reduce((sum, n) => sum + n, 0));
    return {
      params: { ...params, branches: branches.map((branch, i) => tellsAll(branch, i, branches, extra)) },
      replay: ([{ values: number }, ...results], ran) => {
        const chosen = number[0];
        ran(chosen, results.slice(before[chosen], before[chosen] + extra[chosen]));
      },
    };
  },
  lowering: { kind: "branch", branches: ({ params }) => params.branches },
  sharding: replicatedRule,
  ...condRules,
});

/** A branch whose further results are its number, and those of all branches: its own, and zeros for the others. */
function tellsAll(
  branch: ClosedJaxpr,
  number: number,
  branches: readonly ClosedJaxpr[],
  extra: readonly number[],
): ClosedJaxpr {
  const { jaxpr } = branch;
  const zeros: JaxprEqn[] = [];
  const zero = ({ shape, dtype }: ShapedArray): Var => {
    const result = newVar(shapedArray(shape, dtype));
    const params = { shape, broadcastDimensions: [] };
    const inputs = [newLiteral(0, shapedArray([], dtype))];
    const primitive = broadcastInDim as unknown as JaxprEqn["primitive"];
    zeros.push({ primitive, inputs, outputs: [result], params, source: { scope: "" } });
    return result;
  };
  const told = branches.flatMap(({ jaxpr: { outvars } }, i) => {
    const own = outvars.slice(outvars.length - extra[i]);
    return i === number ? own : own.map((a) => zero(a.aval));
  });
  const kept = jaxpr.outvars.slice(0, jaxpr.outvars.length - extra[number]);
  const outvars = [...kept, newLiteral(number, shapedArray([], "int32")), ...told];
  return { ...branch, jaxpr: { ...jaxpr, eqns: [...jaxpr.eqns, ...zeros], outvars } };
}
