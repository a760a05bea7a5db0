/** Nodes of the graph of a model: objects whose attributes are Variables, arrays, other nodes or static values. */
import * as jax from "jaxscale";
import { Interner } from "./intern.ts";
import { compareKeys, formatPath, type Key, keyOf, type Path, pathOf, type Trail } from "./path.ts";
import { Variable } from "./variable.ts";

/**
 * A pytree whose attributes with data are its children, in order of names; all other attributes are static.
 * It is rebuilt without its constructor, so subclasses keep no `#private` fields.
 */
export abstract class Pytree {
  declare readonly [jax.tree.leafType]?: jax.Array;
}
export type PytreeClass = abstract new (...args: never) => Pytree;

/** The property in which a class keeps its attributes, if their names could hide its methods. */
export const attributeStore = Symbol("attributes");

/** Attributes by name. The class has no index signature, so that the compiler rejects misspelt names. */
export const attributesOf = (node: Pytree): Record<Key, unknown> =>
  ((node as { [attributeStore]?: unknown })[attributeStore] ?? node) as Record<Key, unknown>;

/** The attributes of a node: those with data by name, static ones by value. Interned: equal layouts are one object. */
export class Layout {
  readonly names: readonly Key[];
  readonly statics: readonly (readonly [Key, unknown])[];

  constructor(names: readonly Key[], statics: readonly (readonly [Key, unknown])[]) {
    this.names = names;
    this.statics = statics;
  }

  /** Whether the node still has this layout. */
  fits(node: Pytree): boolean {
    const attributes = attributesOf(node);
    if (Object.keys(attributes).length !== this.names.length + this.statics.length) return false;
    for (const name of this.names) if (!isData(attributes[name])) return false;
    for (const [name, value] of this.statics)
      if (!jax.tree.sameStatic(attributes[name], value) || !Object.hasOwn(attributes, name)) return false;
    return true;
  }
}

const layouts = new Interner<Layout>(
  (a, b) => jax.tree.sameStatic(a.names, b.names) && jax.tree.sameStatic(a.statics, b.statics),
);
const lastLayouts = new WeakMap<Pytree, Layout>();

/** @throws TypeError if a static attribute holds data */
export function layoutOf(node: Pytree, trail: Trail | null = null): Layout {
  const last = lastLayouts.get(node);
  if (last?.fits(node)) return last;
  const names: Key[] = [];
  const statics: (readonly [Key, unknown])[] = [];
  for (const [name, value] of Object.entries(attributesOf(node))) {
    const key = keyOf(name);
    if (isData(value)) names.push(key);
    else {
      // The caller may mutate the value later.
      statics.push([key, jax.tree.copyStatic(value)]);
      refuseHiddenData(node, pathOf({ key, up: trail }), value);
    }
  }
  names.sort(compareKeys);
  statics.sort(([a], [b]) => compareKeys(a, b));
  const layout = layouts.of(node.constructor, new Layout(names, statics));
  lastLayouts.set(node, layout);
  return layout;
}

/** A node with static attributes only. */
export function makeNode(type: PytreeClass, layout: Layout): Pytree {
  const node: Pytree = Object.create(type.prototype);
  setStatics(node, layout);
  return node;
}

export function setStatics(node: Pytree, layout: Layout): void {
  const attributes = attributesOf(node);
  for (const [name, value] of layout.statics) attributes[name] = jax.tree.copyStatic(value);
}

/** Values that a graph treats as arrays. */
export const isArrayLeaf = (value: unknown): boolean =>
  value instanceof jax.Array || value instanceof jax.random.KeyArray || value instanceof jax.ShapeDtypeStruct;

/** Values of attributes that are not static. */
export const isData = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  (value instanceof Variable || value instanceof Pytree || isArrayLeaf(value));

function refuseHiddenData(node: Pytree, path: Path, value: unknown): void {
  const found = findData(value, []);
  if (!found) return;
  const container = Array.isArray(value)
    ? "array"
    : value instanceof Map || value instanceof Set
      ? value.constructor.name
      : "object";
  const kind = container === "array" ? "nnx.List" : "nnx.Dict";
  const name = String(path.at(-1));
  throw new TypeError(
    `nnx: modules, Variables and arrays must be attributes, or stand in an nnx.List or nnx.Dict; got a plain ${container} at ${formatPath(path)} of ${node.constructor.name}, with a ${found.kind} at ${formatPath([name, ...found.path])}. Write this.${name} = new ${kind}(…)`,
  );
}

function findData(value: unknown, path: Path): { readonly path: Path; readonly kind: string } | undefined {
  if (isData(value)) return { path, kind: (value as object).constructor.name };
  for (const [key, item] of itemsOf(value)) {
    const found = findData(item, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

/** Values in plain containers. */
function itemsOf(value: unknown): Iterable<readonly [Key, unknown]> {
  if (Array.isArray(value)) return value.entries();
  if (value instanceof Set) return [...value].entries();
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item] as const);
  if (typeof value !== "object" || value === null) return [];
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : [];
}

jax.registerPytreeNode(Pytree, {
  flatten: (node: Pytree) => {
    const layout = layoutOf(node);
    const attributes = attributesOf(node);
    const children = new Array<unknown>(layout.names.length);
    for (let i = 0; i < children.length; i++) children[i] = attributes[layout.names[i]];
    return [children, layout];
  },
  unflatten: (layout: Layout, children, type) => {
    const node = makeNode(type as PytreeClass, layout);
    const attributes = attributesOf(node);
    layout.names.forEach((name, i) => {
      attributes[name] = children[i];
    });
    return node;
  },
  names: (node) => layoutOf(node).names,
});
