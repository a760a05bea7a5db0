/** Looking at the shardings that the compiler chooses. */
import { flatten } from "../base/pytree.ts";
import { specOf } from "../partition/layout.ts";
import type { Mesh } from "../partition/mesh.ts";
import { NamedSharding, type Sharding } from "../partition/named-sharding.ts";
import { Inspector, inspectSharding } from "../primitives/inspect-sharding.ts";
import type { ArrayLike } from "../trace/array.ts";
import { asArray } from "../trace/operand.ts";
import { bind } from "../trace/trace.ts";
import { functionOf, optionsOf, required } from "./arguments.ts";
import { DeviceArray, singleDevice } from "./device-array.ts";

/** Options of `debug.inspectArraySharding`. */
export interface InspectOptions {
  readonly callback: (sharding: Sharding) => void;
}

/**
 * Calls back with the sharding of every leaf: at once for arrays with values, and within a jitted function when it is
 * compiled, with what was chosen there. Calls of what is compiled already do not call back.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.inspect_array_sharding.html
 */
export function inspectArraySharding(tree: unknown, options: InspectOptions): void {
  const op = "debug.inspectArraySharding";
  const { callback } = optionsOf(op, options, { callback: required });
  functionOf(op, "the callback", callback);
  const inspector = new Inspector((mesh, layout) =>
    callback(mesh === undefined ? singleDevice : new NamedSharding(mesh as Mesh, specOf(layout))),
  );
  for (const leaf of flatten<ArrayLike>(tree).leaves) {
    const x = asArray(op, leaf);
    if (x instanceof DeviceArray) callback(x.sharding);
    else bind(inspectSharding, [x], { inspector });
  }
}
