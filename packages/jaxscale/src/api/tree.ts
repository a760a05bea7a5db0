/** Functions on pytrees, as users import them: `tree.map(f, params)`. @see https://docs.jax.dev/en/latest/jax.tree.html */
import {
  type FlattenOptions,
  flatten as flattenTree,
  flattenWithPath as flattenTreeWithPath,
  formatKeyPath,
  formatSimpleKeyPath,
  type KeyPath,
  type TreeDef,
  treeLeaves,
  treeMap,
  treeStructure,
  unflatten as unflattenTree,
} from "../base/pytree.ts";
import { functionOf } from "./arguments.ts";
import type { Known, LeafOf, Mapped } from "./tree-types.ts";

export type { FlattenOptions, KeyEntry, KeyPath, TreeDef } from "../base/pytree.ts";
export { registerPytreeNode } from "../base/pytree.ts";
export type { LeafOf, Mapped, WithLeaves } from "./tree-types.ts";
export { leafType } from "./tree-types.ts";

/** Leaves from left to right (keys of objects in code-point order), and the structure around them. */
export function flatten<Tree>(tree: Known<Tree>): [leaves: LeafOf<Tree>[], treedef: TreeDef];
export function flatten<Leaf = unknown>(tree: unknown, options?: FlattenOptions): [leaves: Leaf[], treedef: TreeDef];
export function flatten(tree: unknown, options?: FlattenOptions): [leaves: unknown[], treedef: TreeDef] {
  const { leaves, treedef } = flattenTree(tree, options);
  return [leaves, treedef];
}

/** The tree of that structure with those leaves. @throws TypeError if their number differs */
export const unflatten = <Tree = unknown>(treedef: TreeDef, leaves: readonly unknown[]): Tree =>
  unflattenTree<Tree>(treedef, leaves);

/** Leaves from left to right; null and undefined hold none. */
export function leaves<Tree>(tree: Known<Tree>): LeafOf<Tree>[];
export function leaves<Leaf = unknown>(tree: unknown, options?: FlattenOptions): Leaf[];
export function leaves(tree: unknown, options?: FlattenOptions): unknown[] {
  return treeLeaves(tree, options);
}

/** The tree's structure: compare two with `sameStructure`, print one with `formatTreedef`. */
export const structure = (tree: unknown, options?: FlattenOptions): TreeDef => treeStructure(tree, options);

/** Last argument of a function of trees: stops at nodes for which `isLeaf` holds, null included, and takes them as leaves. */
export type IsLeafOption = Required<FlattenOptions>;

/** Other trees, and perhaps options behind them. */
function splitRest(rest: readonly unknown[]): {
  readonly others: readonly unknown[];
  readonly options?: FlattenOptions;
} {
  const last = rest.at(-1);
  return isLeafOption(last) ? { others: rest.slice(0, -1), options: last } : { others: rest };
}

const isLeafOption = (x: unknown): x is IsLeafOption =>
  typeof x === "object" &&
  x !== null &&
  Object.keys(x).join() === "isLeaf" &&
  typeof (x as IsLeafOption).isLeaf === "function";

/**
 * The tree of `f(leaf, ...leaves at the same place in rest)`; a last argument `{ isLeaf }` says what else is a leaf.
 * @throws TypeError naming the path at which a structure differs
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.tree.map.html
 */
export function map<Leaf>(
  f: (leaf: Leaf, ...others: Leaf[]) => unknown,
  tree: unknown,
  ...restAndOption: readonly [...unknown[], IsLeafOption]
): unknown;
export function map<Tree, Result, Rest extends readonly unknown[] = readonly Tree[]>(
  f: (leaf: LeafOf<Tree>, ...others: { [K in keyof Rest]: LeafOf<Rest[K]> }) => Result,
  tree: Known<Tree>,
  ...rest: Rest
): Mapped<Tree, Result>;
export function map<Tree, Leaf, Result>(
  f: (leaf: Leaf, ...others: Leaf[]) => Result,
  tree: Tree,
  ...rest: readonly unknown[]
): Mapped<Tree, Result>;
export function map<Tree = unknown, Leaf = unknown>(
  f: (leaf: Leaf, ...others: Leaf[]) => unknown,
  tree: unknown,
  ...rest: readonly unknown[]
): Tree;
export function map(f: (...leaves: never[]) => unknown, tree: unknown, ...rest: readonly unknown[]): unknown {
  functionOf("tree.map", "the first argument", f);
  const { others, options } = splitRest(rest);
  return treeMap(f as (...leaves: unknown[]) => unknown, tree, others, options);
}

/**
 * Folds `f(accumulated, leaf)` over the leaves; without `initial`, from the first leaf. A last argument `{ isLeaf }` says what else is one.
 * @throws TypeError for no leaves and no initial value
 */
export function reduce<T, Leaf = unknown>(
  f: (accumulated: T, leaf: Leaf) => T,
  tree: unknown,
  ...initialAndOption: [T?] | [IsLeafOption] | [T | undefined, IsLeafOption]
): T {
  functionOf("tree.reduce", "the first argument", f);
  const { others: initial, options } = splitRest(initialAndOption);
  const found = treeLeaves<Leaf>(tree, options);
  if (initial.length > 0) return found.reduce<T>((sum, leaf) => f(sum, leaf), initial[0] as T);
  if (found.length === 0) throw new TypeError("tree.reduce: a tree without leaves needs an initial value; got none");
  return found.slice(1).reduce<T>((sum, leaf) => f(sum, leaf), found[0] as unknown as T);
}

/** Whether every leaf is truthy: plain values only, for a traced array has no truth value. */
export const all = (tree: unknown, options?: FlattenOptions): boolean => treeLeaves(tree, options).every(Boolean);

/** Leaves with the path to each. */
export function flattenWithPath<Leaf = unknown>(
  tree: unknown,
  options?: FlattenOptions,
): [leaves: { readonly path: KeyPath; readonly leaf: Leaf }[], treedef: TreeDef] {
  const { leaves: found, treedef } = flattenTreeWithPath<Leaf>(tree, options);
  return [found, treedef];
}

/** Leaves with the path to each. */
export function leavesWithPath<Tree>(tree: Known<Tree>): { readonly path: KeyPath; readonly leaf: LeafOf<Tree> }[];
export function leavesWithPath<Leaf = unknown>(
  tree: unknown,
  options?: FlattenOptions,
): { readonly path: KeyPath; readonly leaf: Leaf }[];
export function leavesWithPath(
  tree: unknown,
  options?: FlattenOptions,
): { readonly path: KeyPath; readonly leaf: unknown }[] {
  return flattenTreeWithPath(tree, options).leaves;
}

/** As `map`, with the path to the leaf as `f`'s first argument. */
export function mapWithPath<Leaf>(
  f: (path: KeyPath, leaf: Leaf, ...others: Leaf[]) => unknown,
  tree: unknown,
  ...restAndOption: readonly [...unknown[], IsLeafOption]
): unknown;
export function mapWithPath<Tree, Result, Rest extends readonly unknown[] = readonly Tree[]>(
  f: (path: KeyPath, leaf: LeafOf<Tree>, ...others: { [K in keyof Rest]: LeafOf<Rest[K]> }) => Result,
  tree: Known<Tree>,
  ...rest: Rest
): Mapped<Tree, Result>;
export function mapWithPath<Tree, Leaf, Result>(
  f: (path: KeyPath, leaf: Leaf, ...others: Leaf[]) => Result,
  tree: Tree,
  ...rest: readonly unknown[]
): Mapped<Tree, Result>;
export function mapWithPath<Tree = unknown, Leaf = unknown>(
  f: (path: KeyPath, leaf: Leaf, ...others: Leaf[]) => unknown,
  tree: unknown,
  ...rest: readonly unknown[]
): Tree;
export function mapWithPath(
  f: (path: KeyPath, ...leaves: never[]) => unknown,
  tree: unknown,
  ...rest: readonly unknown[]
): unknown {
  functionOf("tree.mapWithPath", "the first argument", f);
  const { others, options } = splitRest(rest);
  const paths = flattenTreeWithPath(tree, options).leaves.map(({ path }) => path);
  let next = 0;
  const called = f as (path: KeyPath, ...leaves: unknown[]) => unknown;
  return treeMap((leaf, ...theirs) => called(paths[next++], leaf, ...theirs), tree, others, options);
}

/**
 * A tree of trees turned inside out: `transpose(structure([0, 0]), structure({a: 0}), [{a: 1}, {a: 2}])` is `{a: [1, 2]}`.
 * @throws TypeError if the tree is not of the outer structure with the inner one at each leaf
 */
export function transpose<Tree = unknown>(outer: TreeDef, inner: TreeDef, tree: unknown): Tree {
  const found = treeLeaves(tree);
  if (found.length !== outer.numLeaves * inner.numLeaves)
    throw new TypeError(
      `tree.transpose: the tree must have ${outer.numLeaves} × ${inner.numLeaves} leaves; got ${found.length}`,
    );
  const columns = Array.from({ length: inner.numLeaves }, (_, i) =>
    unflattenTree(
      outer,
      Array.from({ length: outer.numLeaves }, (_, j) => found[j * inner.numLeaves + i]),
    ),
  );
  return unflattenTree<Tree>(inner, columns);
}

/** `['layers'][0].kernel`; `simple` gives `layers.0.kernel`. */
export const keystr = (path: KeyPath, { simple = false, separator = "." } = {}): string =>
  simple ? formatSimpleKeyPath(path, separator) : formatKeyPath(path);

export { copyStatic, formatTreedef, sameStatic, sameTreedef as sameStructure } from "../base/pytree.ts";
