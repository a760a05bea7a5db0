/** The state of a module: its values by path. */
import * as jax from "jaxscale";
import { Interner } from "./intern.ts";
import { comparePaths, formatPath, type Key, keyOf, type Path, pathId } from "./path.ts";
import { formatValue, Variable } from "./variable.ts";

/** Paths of a State, sorted and interned. */
class StateLayout {
  readonly paths: readonly Path[];
  readonly places: ReadonlyMap<string, number>;
  constructor(paths: readonly Path[]) {
    this.paths = paths;
    this.places = new Map(paths.map((path, i) => [pathId(path), i]));
  }
}
const layouts = new Interner<StateLayout>((a, b) => a.paths.length === b.paths.length);
const layoutFor = (paths: readonly Path[]): StateLayout =>
  layouts.of(paths.map(pathId).join("\n"), new StateLayout(paths));

/** A variable of a state, by its path. */
export type StateEntry = readonly [path: Path, leaf: unknown];

/**
 * Variables (or bare arrays) by path, in order of paths. A pytree. It is immutable, but shares its Variables with the module that
 * it was taken from. Iterating gives `[path, leaf]`.
 */
export class State {
  declare readonly [jax.tree.leafType]?: jax.Array;
  readonly layout: StateLayout;
  readonly leaves: readonly unknown[];

  constructor(layout: StateLayout, leaves: readonly unknown[]) {
    this.layout = layout;
    this.leaves = leaves;
  }

  /** @throws TypeError if a path occurs twice, or continues below a leaf */
  static from(entries: Iterable<StateEntry>): State {
    const sorted = [...entries]
      .map(([path, leaf]) => [path.map((key) => (typeof key === "string" ? keyOf(key) : key)), leaf] as const)
      .sort(([a], [b]) => comparePaths(a, b));
    sorted.forEach(([path], i) => {
      if (i > 0 && sorted[i - 1][0].every((key, k) => key === path[k]))
        throw new TypeError(
          `nnx.State: paths must be distinct and end in leaves; got ${formatPath(sorted[i - 1][0])} and ${formatPath(path)}`,
        );
    });
    return new State(
      layoutFor(sorted.map(([path]) => path)),
      sorted.map(([, leaf]) => leaf),
    );
  }

  get size(): number {
    return this.leaves.length;
  }
  /** Whether there is a variable at the path. */
  has(...path: Path): boolean {
    return this.layout.places.has(pathId(path));
  }
  /** The Variable at a path: `state.get("layers", 0, "kernel")`. @throws TypeError if there is none */
  get<T = Variable>(...path: Path): T {
    const place = this.layout.places.get(pathId(path));
    if (place === undefined)
      throw new TypeError(
        `nnx.State: there must be a leaf at the path; got ${formatPath(path)}, where there is ${describePlace(this, path)}`,
      );
    return this.leaves[place] as T;
  }
  /** The State below a path. */
  sub(...path: Path): State {
    const below = [...this].filter(([at]) => at.length > path.length && path.every((key, i) => key === at[i]));
    return State.from(below.map(([at, leaf]) => [at.slice(path.length), leaf]));
  }
  *[Symbol.iterator](): Generator<StateEntry> {
    for (let i = 0; i < this.leaves.length; i++) yield [this.layout.paths[i], this.leaves[i]];
  }

  /** A line for each leaf: `layers.0.kernel: Param(float32[3,4])`. */
  toString(): string {
    const lines = [...this].map(([path, leaf]) => `  ${formatPath(path)}: ${formatLeaf(leaf)}`);
    return `State {${lines.length > 0 ? `\n${lines.join("\n")}\n` : ""}}`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

const formatLeaf = (leaf: unknown): string => (leaf instanceof Variable ? leaf.toString() : formatValue(leaf));

function describePlace(state: State, path: Path): string {
  const keys = new Set(
    [...state].flatMap(([at]) =>
      path.every((key, i) => key === at[i]) && at.length > path.length ? [at[path.length]] : [],
    ),
  );
  if (keys.size > 0) return `a State with ${[...keys].join(", ")}`;
  return path.length > 1
    ? `nothing, but above it ${describePlace(state, path.slice(0, -1))}`
    : `only ${[...new Set([...state].map(([at]) => at[0]))].join(", ")}`;
}

jax.registerPytreeNode(State, {
  flatten: (state: State) => [state.leaves, state.layout],
  unflatten: (layout: StateLayout, leaves) => new State(layout, leaves),
  names: (state) => state.layout.paths.map(formatPath),
});

/** Nested plain objects and arrays, with arrays or Variables as leaves. */
export type PureDict = { readonly [key: Key]: unknown };

/** Leaves of nested plain objects, arrays and States, with their paths. */
export function entriesOf(tree: unknown, path: Path = []): StateEntry[] {
  if (tree instanceof State) return [...tree].map(([at, leaf]) => [[...path, ...at], leaf]);
  if (Array.isArray(tree)) return tree.flatMap((item, i) => entriesOf(item, [...path, i]));
  if (typeof tree !== "object" || tree === null) return [[path, tree]];
  const prototype = Object.getPrototypeOf(tree);
  if (prototype !== Object.prototype && prototype !== null) return [[path, tree]];
  return Object.entries(tree).flatMap(([key, item]) => entriesOf(item, [...path, keyOf(key)]));
}
