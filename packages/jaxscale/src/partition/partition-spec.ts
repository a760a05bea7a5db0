/** Which mesh axes split which dimensions of an array. */
import { ShardingError } from "../base/errors.ts";
import { tuple } from "../primitives/python-text.ts";

/** The mesh axes that split a dimension: one, several (the first is major), or null: none. */
export type SpecEntry = string | readonly string[] | null;

function normalized(entry: SpecEntry, position: number): SpecEntry {
  const names = typeof entry === "string" ? [entry] : entry;
  if (names === null) return null;
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string"))
    throw new ShardingError(
      `PartitionSpec: an entry must be an axis name, a list of names or null; got ${JSON.stringify(entry)} at ${position}`,
    );
  return names.length === 0 ? null : names.length === 1 ? names[0] : Object.freeze([...names]);
}

const quoted = (name: string): string => `'${name}'`;

/**
 * A sharding of an array's dimensions by named mesh axes, in order; dimensions beyond the last entry are replicated.
 * Made by `P`. @see https://docs.jax.dev/en/latest/jax.sharding.html#jax.sharding.PartitionSpec
 */
export class PartitionSpec {
  /** A list of one name is that name, an empty list is null. */
  readonly entries: readonly SpecEntry[];

  /** @throws ShardingError if an entry is no name, list of names or null */
  constructor(...entries: readonly SpecEntry[]) {
    this.entries = Object.freeze(entries.map(normalized));
  }

  /** Entry by entry: `P("x", null)` and `P("x")` differ, though they shard alike. */
  equals(other: PartitionSpec): boolean {
    return JSON.stringify(this.entries) === JSON.stringify(other.entries);
  }

  /** `P('x', None, ('y', 'z'))`, as JAX prints it. */
  toString(): string {
    return `P${tuple(
      this.entries.map((entry) =>
        entry === null ? "None" : typeof entry === "string" ? quoted(entry) : entry.map(quoted),
      ),
    )}`;
  }
}

/** `P("x", null, ["y", "z"])`: dimension 0 is split over mesh axis x, 1 over none, 2 over y and, within its parts, z. */
export const P = (...entries: readonly SpecEntry[]): PartitionSpec => new PartitionSpec(...entries);
