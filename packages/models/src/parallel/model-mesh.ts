/** A model on a mesh: dimensions of parameters, caches and activations have names, and each name has mesh axes. */
import type * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

/** Names of the dimensions that may be split: rows, tokens of the vocabulary, attention heads, hidden units of MLPs, experts. */
export type LogicalAxis = "batch" | "vocab" | "heads" | "kv_heads" | "mlp" | "expert";

/** The name of each dimension, null where it is never split. */
export type Axes = readonly (LogicalAxis | null)[];

/** Mesh axes of each name; absent: not split. */
export type AxisRules = Readonly<Partial<Record<LogicalAxis, readonly string[]>>>;

/** A mesh, and which of its axes split what. */
export class ModelMesh {
  readonly mesh: jax.Mesh;
  readonly rules: AxisRules;

  constructor(mesh: jax.Mesh, rules: AxisRules) {
    this.mesh = mesh;
    this.rules = rules;
  }

  /** Mesh axes that split a dimension of this name. */
  axes(name: LogicalAxis): readonly string[] {
    return this.rules[name] ?? [];
  }

  /** How an array with dimensions of these names is split. */
  spec(axes: Axes): jax.PartitionSpec {
    return jax.P(...axes.map((axis) => axis && this.axes(axis)));
  }

  /** How an array with dimensions of these names lies. */
  sharding(axes: Axes): jax.NamedSharding {
    return new jax.NamedSharding(this.mesh, this.spec(axes));
  }

  /** How a parameter or cache lies, by what it says of its dimensions. */
  shardingOf({ metadata }: Pick<nnx.Variable<unknown>, "metadata">): jax.NamedSharding {
    return this.sharding((metadata.outSharding ?? []) as Axes);
  }

  /** Number of devices that a dimension is split over. */
  parts(axis: LogicalAxis): number {
    return this.axes(axis).reduce((product, name) => product * (this.mesh.shape.get(name) as number), 1);
  }
}

/** An array that lies on the mesh as the names of its dimensions say; without a mesh the array itself. */
export const laidOut = (x: jax.Array, axes: Axes, mesh: ModelMesh | null): jax.Array =>
  mesh ? jax.withShardingConstraint(x, mesh.sharding(axes)) : x;

/** Rows of a batch in a number that the mesh divides: the first row fills it up. */
export function filledUp<T>(rows: readonly T[], mesh: ModelMesh | null): readonly T[] {
  const parts = mesh?.parts("batch") ?? 1;
  const missing = (parts - (rows.length % parts)) % parts;
  return missing === 0 ? rows : [...rows, ...new Array<T>(missing).fill(rows[0])];
}
