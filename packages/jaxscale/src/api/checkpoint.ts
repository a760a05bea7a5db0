/** Trading computation for memory in derivatives. */
import { type TreeDef, unflatten } from "../base/pytree.ts";
import { checkpointCall } from "../primitives/checkpoint.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind, isEvaluating } from "../trace/trace.ts";
import { type AnyFunction, flattenArrays, Once } from "./flat-function.ts";
import { hoistConstants } from "./inner-jit.ts";

/**
 * `f`, of which a derivative keeps the arguments only and computes all that lies between again when it needs it.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.checkpoint.html
 */
export function checkpoint<F extends AnyFunction>(f: F): F {
  const called = (...args: unknown[]): unknown => {
    if (isEvaluating()) return f(...args);
    const { leaves, treedef } = flattenArrays("checkpoint", args);
    const outTree = new Once<TreeDef>();
    const closed = traceToJaxpr(
      f.name || "checkpoint",
      (...inner) => {
        const out = flattenArrays("checkpoint", f(...unflatten<unknown[]>(treedef, inner)));
        outTree.set(out.treedef);
        return out.leaves;
      },
      leaves.map((x) => x.aval),
    );
    const { jaxpr, operands } = hoistConstants(closed, leaves);
    return unflatten(outTree.value, bind(checkpointCall, operands, { jaxpr, differentiated: false }));
  };
  return Object.defineProperty(called, "name", { value: f.name }) as unknown as F;
}
