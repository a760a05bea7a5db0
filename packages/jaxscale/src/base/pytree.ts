/**
 * Pytrees: nested containers of leaves. Arrays are lists, plain objects are dicts (keys in code-point order), Maps keep
 * their own order, null and undefined hold no leaves, registered classes say what their children are; all else is a leaf.
 * @see https://docs.jax.dev/en/latest/pytrees.html
 */
import { describe } from "./describe.ts";
import {
  customDef,
  deepest,
  dictDef,
  formatTreedef,
  isPlainObject,
  leafDef,
  listDef,
  mapDef,
  noneDef,
  type PytreeNode,
  sameNode,
  type TreeClass,
  type TreeDef,
  tooDeep,
} from "./treedef.ts";

export { copyStatic, formatTreedef, type PytreeNode, sameStatic, sameTreedef, type TreeDef } from "./treedef.ts";

const registered = new WeakMap<TreeClass, PytreeNode<unknown, unknown>>();

/**
 * Makes objects of a class, and of its subclasses, nodes of pytrees.
 * @throws TypeError if it is registered already, or is no class, or a function of the node is missing
 */
export function registerPytreeNode<T, Aux>(type: abstract new (...args: never) => T, node: PytreeNode<T, Aux>): void {
  checkRegistration(type, node);
  registered.set(type, node as PytreeNode<unknown, unknown>);
}

const builtIn: readonly unknown[] = [Object, Array, Map, Function];

function checkRegistration(type: unknown, node: unknown): void {
  const rule = "registerPytreeNode:";
  if (typeof type !== "function" || typeof type.prototype !== "object" || type.prototype === null)
    throw new TypeError(`${rule} the first argument must be a class; got ${describe(type)}`);
  if (builtIn.includes(type))
    throw new TypeError(`${rule} a class must be one of the program's own; got JavaScript's ${type.name}`);
  if (registered.has(type as TreeClass))
    throw new TypeError(`${rule} a class is registered once; got ${type.name} again`);
  if (typeof node !== "object" || node === null)
    throw new TypeError(`${rule} the second argument must be { flatten, unflatten }; got ${describe(node)}`);
  const { flatten, unflatten, names } = node as Record<string, unknown>;
  for (const [name, f] of Object.entries({ flatten, unflatten, ...(names !== undefined && { names }) }))
    if (typeof f !== "function")
      throw new TypeError(`${rule} ${name} must be a function; got ${describe(f)} for ${type.name}`);
}

function registeredNode(value: object): PytreeNode<unknown, unknown> | undefined {
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    const node = typeof at.constructor === "function" ? registered.get(at.constructor) : undefined;
    if (node) return node;
  }
  return undefined;
}

// ---- one level ------------------------------------------------------------

/** One step into a tree: a place of a list, a key of an object or map, an attribute of a registered class. */
export type KeyEntry =
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "key"; readonly key: unknown }
  | { readonly kind: "attribute"; readonly name: string };
/** The way from the root of a tree to a leaf. */
export type KeyPath = readonly KeyEntry[];

/** A node taken apart: its children, the step to each, and how to make its treedef of theirs. */
interface Opened {
  readonly children: readonly unknown[];
  readonly step: (i: number) => KeyEntry;
  readonly define: (children: readonly TreeDef[]) => TreeDef;
}

const byIndex = (index: number): KeyEntry => ({ kind: "index", index });

/** Undefined for a leaf. */
function open(tree: unknown): Opened | undefined {
  if (tree === null || tree === undefined) return { children: [], step: byIndex, define: () => noneDef(tree) };
  if (typeof tree !== "object") return undefined;
  if (Array.isArray(tree)) return { children: tree, step: byIndex, define: listDef };
  if (isPlainObject(tree)) {
    const keys = Object.keys(tree).sort(byCodePoint);
    return {
      children: keys.map((key) => tree[key]),
      step: (i) => ({ kind: "key", key: keys[i] }),
      define: (children) => dictDef(keys, children),
    };
  }
  if (isMap(tree)) {
    const keys = [...tree.keys()];
    return {
      children: [...tree.values()],
      step: (i) => ({ kind: "key", key: keys[i] }),
      define: (children) => mapDef(keys, children),
    };
  }
  const node = registeredNode(tree);
  if (!node) return undefined;
  const [children, aux] = flattenedBy(node, tree);
  let names: ReturnType<NonNullable<typeof node.names>> | undefined;
  const type = tree.constructor as TreeClass;
  return {
    children,
    step: (i) => {
      // Only paths need names.
      names ??= node.names?.(tree);
      const name = names ? names[i] : i;
      return typeof name === "number" ? byIndex(name) : { kind: "attribute", name };
    },
    define: (defs) => customDef(type, node, aux, defs),
  };
}

// By its tag: a Map of another realm (a frame, a vm context) is no instance of this one's.
const isMap = (x: object): x is ReadonlyMap<unknown, unknown> =>
  (x as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === "Map";

function flattenedBy(node: PytreeNode<unknown, unknown>, tree: object): readonly [readonly unknown[], unknown] {
  const parts: unknown = node.flatten(tree);
  if (Array.isArray(parts) && Array.isArray(parts[0])) return parts as [readonly unknown[], unknown];
  throw new TypeError(
    `registerPytreeNode: flatten must return [children, aux], the children in a list; got ${describe(parts)} for a ${tree.constructor.name}`,
  );
}

// The default sort compares UTF-16 units, which puts astral characters before U+E000.
function byCodePoint(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i]) return (a.codePointAt(i) as number) - (b.codePointAt(i) as number);
  }
  return a.length - b.length;
}

// ---- whole trees ------------------------------------------------------------

/** Options of functions that take a tree apart. */
export interface FlattenOptions {
  /** Stops at nodes for which it holds, null included, and takes them as leaves. */
  readonly isLeaf?: (tree: unknown) => boolean;
}

/** Leaves from left to right, and what is left of the tree without them. */
export function flatten<Leaf = unknown>(
  tree: unknown,
  { isLeaf }: FlattenOptions = {},
): { leaves: Leaf[]; treedef: TreeDef } {
  const leaves: unknown[] = [];
  const treedef = collect(tree, leaves, isLeaf, 0);
  return { leaves: leaves as Leaf[], treedef };
}

// Every call of a jitted function comes by here: no closures.
function collect(at: unknown, leaves: unknown[], isLeaf: FlattenOptions["isLeaf"], depth: number): TreeDef {
  const node = isLeaf?.(at) ? undefined : open(at);
  if (node === undefined) {
    leaves.push(at);
    return leafDef;
  }
  if (depth >= deepest) throw tooDeep("a tree");
  const { children } = node;
  const defs = new Array<TreeDef>(children.length);
  for (let i = 0; i < defs.length; i++) {
    if (children[i] === undefined) refuseHole(children, i);
    defs[i] = collect(children[i], leaves, isLeaf, depth + 1);
  }
  return node.define(defs);
}

function refuseHole(children: readonly unknown[], i: number): void {
  if (i in children) return;
  throw new TypeError(`pytree: a list must have no holes; got one at [${i}] of a list of ${children.length}`);
}

/** Leaves with the path to each. */
export function flattenWithPath<Leaf = unknown>(
  tree: unknown,
  { isLeaf }: FlattenOptions = {},
): { leaves: { readonly path: KeyPath; readonly leaf: Leaf }[]; treedef: TreeDef } {
  const leaves: { path: KeyPath; leaf: Leaf }[] = [];
  const walk = (at: unknown, path: KeyPath): TreeDef => {
    const node = isLeaf?.(at) ? undefined : open(at);
    if (node && path.length >= deepest) throw tooDeep("a tree");
    if (node) {
      const defs = Array.from(node.children, (child, i) => {
        if (child === undefined) refuseHole(node.children, i);
        return walk(child, [...path, node.step(i)]);
      });
      return node.define(defs);
    }
    leaves.push({ path, leaf: at as Leaf });
    return leafDef;
  };
  const treedef = walk(tree, []);
  return { leaves, treedef };
}

/** The tree of that structure with those leaves. @throws TypeError if their number differs */
export function unflatten<Tree = unknown>(treedef: TreeDef, leaves: readonly unknown[]): Tree {
  if (leaves.length !== treedef.numLeaves)
    throw new TypeError(
      `unflatten: ${formatTreedef(treedef)} takes ${count(treedef.numLeaves, "leaf")}; got ${leaves.length}`,
    );
  return rebuild(treedef, leaves, 0) as Tree;
}

/** @param first place of the tree's first leaf among `leaves` */
function rebuild(def: TreeDef, leaves: readonly unknown[], first: number): unknown {
  if (def.kind === "leaf") return leaves[first];
  if (def.kind === "none") return def.value;
  let next = first;
  const children = new Array<unknown>(def.children.length);
  for (let i = 0; i < children.length; i++) {
    children[i] = rebuild(def.children[i], leaves, next);
    next += def.children[i].numLeaves;
  }
  switch (def.kind) {
    case "list":
      return children;
    case "dict":
      return Object.fromEntries(children.map((child, i) => [def.keys[i], child]));
    case "map":
      return new Map(children.map((child, i) => [def.keys[i], child]));
    case "custom":
      return def.node.unflatten(def.aux, children, def.type);
  }
}

export const treeLeaves = <Leaf = unknown>(tree: unknown, options?: FlattenOptions): Leaf[] =>
  flatten<Leaf>(tree, options).leaves;

export const treeStructure = (tree: unknown, options?: FlattenOptions): TreeDef => flatten(tree, options).treedef;

/**
 * Applies `f` to the leaves of `tree` and to what stands at the same places in the others, which may be subtrees.
 * @throws TypeError naming the path at which a structure differs
 */
export function treeMap<Tree = unknown, Leaf = unknown>(
  f: (leaf: Leaf, ...others: Leaf[]) => unknown,
  tree: unknown,
  rest: readonly unknown[] = [],
  options?: FlattenOptions,
): Tree {
  const { leaves, treedef } = flatten<Leaf>(tree, options);
  const others = rest.map((other, i) => flattenUpTo<Leaf>(treedef, other, `treeMap: tree ${i + 2}`));
  return unflatten(
    treedef,
    leaves.map((leaf, i) => f(leaf, ...others.map((list) => list[i]))),
  );
}

/**
 * The subtrees that stand where `prefix` has its leaves.
 * @param who names the tree in errors, for example `vmap: inAxes`
 * @throws TypeError naming the path at which the structure differs
 */
export const flattenUpTo = <Subtree = unknown>(prefix: TreeDef, tree: unknown, who: string): Subtree[] =>
  subtreesAt(prefix, tree, (wanted, got) => [`${who} has another structure`, wanted, got]);

/** @param refusal of a node of the prefix and what stands there: who is wrong, what it must be, what it is */
function subtreesAt<Subtree>(
  prefix: TreeDef,
  tree: unknown,
  refusal: (inPrefix: string, inTree: string) => readonly [who: string, wanted: string, got: string],
): Subtree[] {
  const found: unknown[] = [];
  const walk = (def: TreeDef, at: unknown, path: KeyPath): void => {
    if (def.kind === "leaf") {
      found.push(at);
      return;
    }
    const node = open(at);
    const here = node?.define(node.children.map(() => leafDef));
    if (!node || !here || !sameNode(def, here)) {
      const [who, wanted, got] = refusal(describeNode(def), describeNode(here ?? leafDef));
      throw new TypeError(`${who} at ${formatKeyPath(path) || "its root"}: must be ${wanted}; got ${got}`);
    }
    def.children.forEach((child, i) => walk(child, node.children[i], [...path, node.step(i)]));
  };
  walk(prefix, tree, []);
  return found as Subtree[];
}

/** One copy of each leaf of the prefix tree for every leaf below it, as `inAxes` and shardings are given. */
export function broadcastPrefix<Leaf = unknown>(
  prefix: unknown,
  tree: unknown,
  who: string,
  options?: FlattenOptions,
): Leaf[] {
  const { leaves, treedef } = flatten<Leaf>(prefix, options);
  // The tree is given: it is the prefix that must be another.
  const subtrees = subtreesAt(treedef, tree, (inPrefix, inTree) => [
    `${who} has another structure than what it is for`,
    inTree,
    inPrefix,
  ]);
  return leaves.flatMap((leaf, i) => treeLeaves(subtrees[i]).map(() => leaf));
}

function describeNode(def: TreeDef): string {
  switch (def.kind) {
    case "leaf":
      return "a leaf";
    case "none":
      return "null";
    case "list":
      return `an array of length ${def.children.length}`;
    case "dict":
      return `an object with keys (${def.keys.join(", ")})`;
    case "map":
      return `a Map with keys (${def.keys.map(String).join(", ")})`;
    case "custom":
      return `a ${def.type.name} with ${count(def.children.length, "child")} and its static data`;
  }
}

/** The path to the leaf that comes `index`th. */
export const pathOfLeaf = (tree: unknown, index: number): string =>
  formatKeyPath(flattenWithPath(tree).leaves[index].path);

const plurals = { leaf: "leaves", child: "children" };
const count = (n: number, noun: keyof typeof plurals): string => `${n} ${n === 1 ? noun : plurals[noun]}`;

// ---- key paths --------------------------------------------------------------

/** `['layers'][0].kernel`, as JAX's keystr; the root is empty. */
export function formatKeyPath(path: KeyPath): string {
  return path
    .map((entry) => {
      if (entry.kind === "attribute") return `.${entry.name}`;
      if (entry.kind === "index") return `[${entry.index}]`;
      return typeof entry.key === "string" ? `['${entry.key}']` : `[${String(entry.key)}]`;
    })
    .join("");
}

/** `layers.0.kernel` */
export function formatSimpleKeyPath(path: KeyPath, separator = "."): string {
  return path
    .map((entry) => {
      if (entry.kind === "attribute") return entry.name;
      return String(entry.kind === "index" ? entry.index : entry.key);
    })
    .join(separator);
}
