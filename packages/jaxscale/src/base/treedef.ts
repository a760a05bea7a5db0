/** The structure of a pytree without its leaves: comparable, printable, and a place to hang leaves again. */

/** Rebuilds an object of a registered class; `type` is the constructor of the object that was flattened, perhaps a subclass. */
export interface PytreeNode<T, Aux> {
  /** Children in order, and static data that must be equal for two trees to have one structure. */
  readonly flatten: (node: T) => readonly [children: readonly unknown[], aux: Aux];
  readonly unflatten: (aux: Aux, children: readonly unknown[], type: TreeClass) => T;
  /** Names of the children in key paths, or their numbers; without it they are numbered. */
  readonly names?: (node: T) => readonly (string | number)[];
}
export type TreeClass = abstract new (...args: never) => unknown;

interface Counted {
  readonly numLeaves: number;
  readonly numNodes: number;
  readonly children: readonly TreeDef[];
  /** Equal for equal structures, and mostly different otherwise: a hash. `sameTreedef` decides. */
  readonly key: string;
}
export interface LeafDef extends Counted {
  readonly kind: "leaf";
}
/** null or undefined: a node without leaves. */
export interface NoneDef extends Counted {
  readonly kind: "none";
  readonly value: null | undefined;
}
export interface ListDef extends Counted {
  readonly kind: "list";
}
export interface DictDef extends Counted {
  readonly kind: "dict";
  readonly keys: readonly string[];
}
/** A Map: any keys, in their own order. */
export interface MapDef extends Counted {
  readonly kind: "map";
  readonly keys: readonly unknown[];
}
export interface CustomDef extends Counted {
  readonly kind: "custom";
  readonly type: TreeClass;
  readonly node: PytreeNode<unknown, unknown>;
  readonly aux: unknown;
}
/** The structure of a tree without its leaves. */
export type TreeDef = LeafDef | NoneDef | ListDef | DictDef | MapDef | CustomDef;

const counted = (children: readonly TreeDef[], key: string): Counted => ({
  children,
  key,
  numLeaves: children.reduce((sum, child) => sum + child.numLeaves, 0),
  numNodes: children.reduce((sum, child) => sum + child.numNodes, 1),
});
const keysOf = (children: readonly TreeDef[]): string => children.map((child) => child.key).join(", ");

export const leafDef: LeafDef = { kind: "leaf", children: [], key: "*", numLeaves: 1, numNodes: 1 };
const nullDef: NoneDef = { kind: "none", value: null, ...counted([], "None") };
const undefinedDef: NoneDef = { kind: "none", value: undefined, ...counted([], "None") };
export const noneDef = (value: null | undefined): NoneDef => (value === null ? nullDef : undefinedDef);
export const listDef = (children: readonly TreeDef[]): ListDef => ({
  kind: "list",
  ...counted(children, `[${keysOf(children)}]`),
});
export const dictDef = (keys: readonly string[], children: readonly TreeDef[]): DictDef => ({
  kind: "dict",
  keys,
  ...counted(children, `{${children.map((child, i) => `${formatStatic(keys[i])}: ${child.key}`).join(", ")}}`),
});
export const mapDef = (keys: readonly unknown[], children: readonly TreeDef[]): MapDef => ({
  kind: "map",
  keys,
  ...counted(children, `CustomNode(Map[${formatStatic(keys)}], [${keysOf(children)}])`),
});
export const customDef = (
  type: TreeClass,
  node: PytreeNode<unknown, unknown>,
  aux: unknown,
  children: readonly TreeDef[],
): CustomDef => ({
  kind: "custom",
  type,
  node,
  aux,
  ...counted(children, `CustomNode(${type.name}[${formatStatic(aux)}], [${keysOf(children)}])`),
});

/** As JAX prints it: `PyTreeDef({'a': *, 'b': [*, *]})`. */
export const formatTreedef = (treedef: TreeDef): string => `PyTreeDef(${treedef.key})`;

/** Same structure: kinds, lengths, keys, classes and static data. null and undefined are one. */
export function sameTreedef(a: TreeDef, b: TreeDef): boolean {
  if (a === b) return true;
  if (a.key !== b.key || a.numNodes !== b.numNodes || !sameNode(a, b)) return false;
  return a.children.every((child, i) => sameTreedef(child, b.children[i]));
}

/** Same node, whatever its children hold. */
export function sameNode(a: TreeDef, b: TreeDef): boolean {
  if (a.kind !== b.kind || a.children.length !== b.children.length) return false;
  if (a.kind === "dict" && b.kind === "dict") return a.keys.every((key, i) => key === b.keys[i]);
  if (a.kind === "map" && b.kind === "map") return a.keys.every((key, i) => Object.is(key, b.keys[i]));
  if (a.kind === "custom" && b.kind === "custom") return a.type === b.type && sameStatic(a.aux, b.aux);
  return true;
}

/** Levels of a tree, or of static data, beyond which it is taken to contain itself. */
export const deepest = 1000;

export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false;
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || isForeignObjectPrototype(prototype);
};

/** Whether it is the `Object.prototype` of another realm: a frame, or a vm context. */
const isForeignObjectPrototype = (prototype: object): boolean =>
  Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");

/** Equality of static values: plain arrays and objects by content, everything else by identity (NaN equals NaN). */
export function sameStatic(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameStatic(x, b[i]));
  if (!isPlainObject(a) || !isPlainObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameStatic(a[key], b[key]))
  );
}

/** A copy of what is compared by content, so that a later change of the original is noticed. */
export const copyStatic = (value: unknown): unknown => copyAt(value, 0);

function copyAt(value: unknown, depth: number): unknown {
  if (!Array.isArray(value) && !isPlainObject(value)) return value;
  if (depth >= deepest) throw tooDeep("static data");
  if (Array.isArray(value)) return value.map((x) => copyAt(x, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, x]) => [key, copyAt(x, depth + 1)]));
}

export const tooDeep = (what: string): TypeError =>
  new TypeError(`pytree: ${what} must be at most ${deepest} levels deep; got more. Does it contain itself?`);

// Must not depend on what sameStatic ignores: the order of keys.
function formatStatic(value: unknown, depth = 0): string {
  if (typeof value === "string") return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  if (depth >= deepest) throw tooDeep("static data");
  const inner = (x: unknown): string => formatStatic(x, depth + 1);
  if (Array.isArray(value)) return `(${value.map(inner).join(", ")}${value.length === 1 ? "," : ""})`;
  if (isPlainObject(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${formatStatic(key)}: ${inner(value[key])}`).join(", ")}}`;
  }
  if (typeof value === "function") return value.name;
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "object";
  return Object.is(value, -0) ? "-0" : String(value);
}
