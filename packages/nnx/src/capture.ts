/** Running a model and collecting the values that it sows. */
import { Captures } from "./captures.ts";
import { iterModules, type Module, type SowKind } from "./module.ts";
import { attributesOf } from "./pytree.ts";
import { State, type StateEntry } from "./state.ts";
import { Intermediate } from "./variable.ts";

/**
 * Transforms `f` to also return a State of the values that modules in its first argument sow: for each name the
 * list of values, in order. Works through `nnx.jit`; `nnx.scan` and `nnx.vmap` stack the values.
 *
 * ```ts
 * const [y, intermediates] = nnx.capture((model: Model, x: jax.Array) => model.call(x))(model, x);
 * intermediates.get("layers", 0, "attention").get(); // [jax.Array]
 * ```
 * @param kinds Variable types to collect; `nnx.Intermediate` if absent
 * @see https://flax.readthedocs.io/en/latest/guides/extracting_intermediates.html
 */
export function capture<M extends Module, Args extends unknown[], R>(
  f: (module: M, ...args: Args) => R,
  ...kinds: readonly SowKind[]
): (module: M, ...args: Args) => [result: R, captured: State] {
  const wanted = kinds.length > 0 ? kinds : [Intermediate as SowKind];
  return (module, ...args) => {
    const modules = [...iterModules(module)];
    for (const [, at] of modules) attributesOf(at).captures = new Captures(wanted);
    try {
      const result = f(module, ...args);
      const entries = modules.flatMap(([path, { captures }]): StateEntry[] =>
        captures instanceof Captures ? captures.values.map(([name, variable]) => [[...path, name], variable]) : [],
      );
      return [result, State.from(entries)];
    } finally {
      for (const [, at] of modules) delete attributesOf(at).captures;
    }
  };
}
