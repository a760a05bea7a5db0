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

/** Mesh axes of the dimensions of a Variable, with logical names replaced by their rules. */
export function partitionSpecOf({ outSharding, shardingRules }: VariableMetadata): jax.PartitionSpec {
  if (!outSharding) return jax.P();
  if (!shardingRules) return jax.P(...outSharding);
  const rules = new Map(shardingRules);
  const axesOf = (name: string): readonly string[] => {
    const axes = rules.get(name);
    return axes === undefined || axes === null ? [] : [axes].flat();
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
  if (tree instanceof State) return mapState((_path, leaf) => specOf(leaf), tree) as T;
  return map((_path, leaf) => specOf(leaf), tree);
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
