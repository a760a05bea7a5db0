/** Partitioning metadata: how Variables are sharded over a mesh. */
import * as jax from "jaxscale";
import { map } from "./graph.ts";
import { State } from "./state.ts";
import { mapState } from "./state-functions.ts";
import {
  type Initializer,
  type MetadataInitializer,
  Variable,
  type VariableMetadata,
  withMetadata,
} from "./variable.ts";

type Sharding = NonNullable<VariableMetadata["outSharding"]>;

/** Wraps an initializer so that its Variables are sharded over mesh axes (or logical names): `withPartitioning(init, ["x", null])`. */
export const withPartitioning = (
  initializer: Initializer,
  outSharding: Sharding,
  metadata: VariableMetadata = {},
): MetadataInitializer => withMetadata(initializer, { outSharding, ...metadata });

type Rules = NonNullable<VariableMetadata["shardingRules"]>;
let contextRules: Rules = [];

/**
 * Runs `f` with mesh axes for logical names, `[["embed", null], ["mlp", "tensor"]]`, besides the rules that Variables have themselves.
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/spmd.html
 */
export function logicalAxisRules<T>(rules: Rules, f: () => T): T {
  const outer = contextRules;
  contextRules = rules;
  try {
    return f();
  } finally {
    contextRules = outer;
  }
}

/** Both sets of rules as one. @throws ShardingError if they say different things of a name */
function joinedRules(outer: Rules, own: Rules): ReadonlyMap<string, Rules[number][1]> {
  const rules = new Map(outer);
  for (const [name, axes] of own) {
    const known = rules.get(name);
    if (known !== undefined && String(jax.P(known)) !== String(jax.P(axes)))
      throw new jax.ShardingError(
        `nnx: rules must agree on a logical name; got ${jax.P(known)} and ${jax.P(axes)} for "${name}"`,
      );
    rules.set(name, axes);
  }
  return rules;
}

/** Mesh axes of the dimensions of a Variable: logical names that have a rule are replaced by what it says, others are mesh axes. */
export function partitionSpecOf({ outSharding, shardingRules = [] }: VariableMetadata): jax.PartitionSpec {
  if (!outSharding) return jax.P();
  const rules = joinedRules(contextRules, shardingRules);
  const axesOf = (name: string): readonly string[] => {
    const axes = rules.get(name);
    return axes === undefined ? [name] : axes === null ? [] : [axes].flat();
  };
  return jax.P(...outSharding.map((entry) => (entry === null ? null : [entry].flat().flatMap(axesOf))));
}

/**
 * The same State, or module, with the PartitionSpec of each Variable as its value; `P()` for Variables without one.
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/spmd.html
 */
export function getPartitionSpec<T>(tree: T): T {
  const specOf = (leaf: unknown): unknown =>
    leaf instanceof Variable ? leaf.replace(partitionSpecOf(leaf.metadata)) : jax.P();
  return withLeaves(tree, specOf);
}

const withLeaves = <T>(tree: T, f: (leaf: unknown) => unknown): T =>
  tree instanceof State ? (mapState((_path, leaf) => f(leaf), tree) as T) : map((_path, leaf) => f(leaf), tree);

/**
 * The same State, or module, with the NamedSharding of each Variable as its value, as `devicePut` takes it.
 * @throws ShardingError if a spec names an axis that the mesh does not have
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/spmd.html
 */
export function getNamedSharding<T>(tree: T, mesh: jax.Mesh): T {
  const shardingOf = (leaf: unknown): unknown =>
    leaf instanceof Variable
      ? leaf.replace(new jax.NamedSharding(mesh, partitionSpecOf(leaf.metadata)))
      : new jax.NamedSharding(mesh, jax.P());
  return withLeaves(tree, shardingOf);
}

/** Metadata of a Variable with an axis added, which a mesh axis may shard. */
export function withAxis(metadata: VariableMetadata, axis: number, name: string | null): VariableMetadata {
  const { outSharding } = metadata;
  if (!outSharding) return metadata;
  const padded: Sharding = [...outSharding, ...Array<null>(Math.max(axis - outSharding.length, 0)).fill(null)];
  return { ...metadata, outSharding: padded.toSpliced(axis, 0, name) };
}

/** Metadata of one slice along an axis. */
export function withoutAxis(metadata: VariableMetadata, axis: number): VariableMetadata {
  const { outSharding } = metadata;
  return outSharding ? { ...metadata, outSharding: outSharding.toSpliced(axis, 1) } : metadata;
}
