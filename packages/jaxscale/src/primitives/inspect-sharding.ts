/** inspect_sharding: tells the host how an array lies on devices, when the program is compiled. */
import { invariant } from "../base/errors.ts";
import { newFactors } from "./factors.ts";
import { definePrimitive, type Layout } from "./primitive.ts";

/** Takes the sharding; compared by identity. */
export class Inspector {
  /** Of a mesh (undefined: a single device) and its axes that split each dimension. */
  readonly tell: (mesh: unknown, layout: Layout) => void;
  constructor(tell: Inspector["tell"]) {
    this.tell = tell;
  }
}

export type InspectShardingParams = {
  readonly inspector: Inspector;
  /** Where partitioning found the operand in parts. */
  readonly layout?: Layout;
};

/** No results. @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.inspect_array_sharding.html */
export const inspectSharding = definePrimitive<InspectShardingParams>("inspect_sharding", {
  abstractEval: () => [],
  reference: () => [],
  pure: false,
  inspect({ inspector, layout }, mesh, rank) {
    inspector.tell(mesh, layout ?? Array.from({ length: rank }, () => []));
  },
  partition(ops, [{ value, layout }], { params }) {
    ops.bind("inspect_sharding", [value], { ...params, layout });
    return [];
  },
  // The whole array is looked at, with the axis that is mapped over.
  batch({ bind }, operands, _dims, { params }) {
    bind("inspect_sharding", operands, params);
    return { results: [], dims: [] };
  },
  jvp: () => [],
  lowering: { kind: "effect", run: () => invariant(false, "inspect_sharding is gone when a program runs") },
  sharding({ inputs }) {
    const { parallel, rule } = newFactors();
    return rule(
      inputs.map(({ shape }) => shape.map(parallel)),
      [],
    );
  },
});
