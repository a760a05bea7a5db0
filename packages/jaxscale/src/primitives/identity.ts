/** Ops that give their operand back. */
import { defineUnary, noTangent } from "./define-elementwise.ts";

/** The operand, as a constant to differentiation. */
export const stopGradient = defineUnary("stop_gradient", {
  accepts: () => true,
  exact: true,
  movement: true,
  identity: () => true,
  jvp: noTangent,
  reference: (x) => x,
  kernel: (_, x) => x,
});

/** The operand in memory of its own. */
export const copy = defineUnary("copy", {
  accepts: () => true,
  exact: true,
  movement: true,
  jvp: ({ bind1 }, _, [dx]) => bind1("copy", [dx]),
  transpose: ({ bind1 }, [ct]) => [ct && bind1("copy", [ct])],
  reference: (x) => x,
  kernel: (_, x) => x,
});

export type ShardingConstraintParams = {
  /** A `Mesh`. */
  readonly mesh: unknown;
  /** Mesh axes that split each dimension, the major one first. */
  readonly dimensionAxes: readonly (readonly string[])[];
  /** The sharding as JAX prints it. */
  readonly sharding: string;
};

/** The operand, lying on the devices of a mesh as `dimensionAxes` says. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.with_sharding_constraint.html */
export const shardingConstraint = defineUnary<ShardingConstraintParams>("sharding_constraint", {
  accepts: () => true,
  exact: true,
  movement: true,
  identity: () => true,
  jvp: ({ bind1 }, _, [dx], _y, params) => bind1("sharding_constraint", [dx], params),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("sharding_constraint", [ct], params)],
  batch: ({ bind1 }, [x], [dim], { params }) => {
    const dimensionAxes = params.dimensionAxes.toSpliced(dim as number, 0, []);
    return { results: [bind1("sharding_constraint", [x], { ...params, dimensionAxes })], dims: [dim] };
  },
  laidOut: ({ mesh, dimensionAxes }) => ({ mesh, layout: dimensionAxes }),
  reference: (x) => x,
  kernel: (_, x) => x,
  printParams: ({ sharding }) => ({ sharding }),
});
