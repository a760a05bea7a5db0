/** Abstract modules: shapes and dtypes without values. */
import * as jax from "jaxscale";
import { EnteredCall, GraphCall, type Outcome } from "./graph-call.ts";
import type { AnyFunction } from "./jit.ts";

/**
 * Evaluates `f` abstractly: returns its result with a `ShapeDtypeStruct` in place of every array. Arguments
 * are not changed.
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.eval_shape
 */
export function evalShape<F extends AnyFunction>(f: F, ...args: Parameters<F>): ReturnType<F> {
  const call = new GraphCall(args, { numbersAreArrays: false });
  let outcome: Outcome | undefined;
  const shapes = jax.evalShape((values: readonly unknown[]) => {
    const entered = new EnteredCall(call.def, values);
    outcome = entered.outcome(f(...entered.args));
    return outcome.values;
  }, call.values);
  const { def } = outcome as unknown as Outcome;
  // Writes to copies, so that the arguments are not changed.
  const abstract = jax.tree.map<unknown[]>(structOf, call.values);
  const copies = new GraphCall(new EnteredCall(call.def, abstract).args, { numbersAreArrays: false });
  return copies.leave({ def, values: shapes as readonly unknown[] }) as ReturnType<F>;
}

const structOf = (x: unknown): unknown =>
  x instanceof jax.Array ? new jax.ShapeDtypeStruct(x.shape, x.dtype, x.weakType) : x;

/**
 * A module of `ShapeDtypeStruct`s: build abstract, read a checkpoint, `update`. Parameters as of `new Type(...)`; random
 * streams among them are not changed.
 */
export const createAbstract = <Args extends unknown[], M>(type: new (...args: Args) => M, ...args: Args): M =>
  evalShape((...inner: Args) => new type(...inner), ...args);
