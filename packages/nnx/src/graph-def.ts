/** The structure of a graph of modules without its values: it can be compared, printed and rebuilt. */
import * as jax from "jaxscale";
import { Interner } from "./intern.ts";
import type { Key, Path } from "./path.ts";
import type { Layout, PytreeClass } from "./pytree.ts";
import type { VariableClass, VariableMetadata } from "./variable.ts";

/** Nodes and Variables are numbered in order of their first visit; `origin` is the number of the same object in the original graph. */
export interface NodeDef {
  readonly kind: "node";
  readonly index: number;
  readonly type: PytreeClass;
  readonly layout: Layout;
  /** One child for each name of the layout. */
  readonly children: readonly Def[];
  readonly origin?: number;
}
export interface VariableDef {
  readonly kind: "variable";
  readonly index: number;
  readonly type: VariableClass;
  readonly metadata: VariableMetadata;
  readonly origin?: number;
}
/** A bare array. `kept` is the leaf of the original graph that it equals; a kept array is not a leaf. */
export interface LeafDef {
  readonly kind: "leaf";
  readonly kept?: number;
}
/** A reference to an object that was visited before, by its number. */
export interface SharedDef {
  readonly kind: "shared";
  readonly index: number;
}
/** An unchanged subgraph: the number of its node or Variable in the original graph. */
export interface SameDef {
  readonly kind: "same";
  readonly origin: number;
}
/** A plain array, a plain object, or any other pytree that contains modules. */
export interface TreeDef {
  readonly kind: "tree";
  /** Tree definition of one node whose children are leaves. */
  readonly treedef: jax.tree.TreeDef;
  readonly keys: readonly Key[];
  readonly children: readonly Def[];
}
export interface StaticDef {
  readonly kind: "static";
  readonly value: unknown;
}
export type Def = NodeDef | VariableDef | LeafDef | SharedDef | SameDef | TreeDef | StaticDef;

/** Compared by identity: `split` gives one object for equal structures. A pytree without leaves, so that `jit` takes it. */
export class GraphDef<T = unknown> {
  /** The type that `merge` returns; the field exists in types only. */
  declare protected readonly built: T;
  readonly root: Def;
  readonly numLeaves: number;

  constructor(root: Def, numLeaves: number) {
    this.root = root;
    this.numLeaves = numLeaves;
  }

  /** The same classes, static attributes, Variables and sharing. */
  equals(other: GraphDef<unknown>): boolean {
    return this === other || sameDef(this.root, other.root);
  }

  /** Paths of the leaves, in order. */
  get paths(): readonly Path[] {
    const paths: Path[] = [];
    collectPaths(this.root, [], paths);
    return paths;
  }

  toString(): string {
    return `GraphDef(${formatDef(this.root)})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

const known = new Interner<GraphDef>((a, b) => sameDef(a.root, b.root));
/** The interned object of this structure. */
export const canonical = (def: GraphDef): GraphDef =>
  known.of("type" in def.root ? `${def.root.type.name}/${def.numLeaves}` : def.numLeaves, def);

jax.registerPytreeNode(GraphDef, {
  flatten: (def: GraphDef) => [[], canonical(def)],
  unflatten: (def: GraphDef) => def,
});

export function sameDef(a: Def, b: Def): boolean {
  switch (a.kind) {
    case "node":
      return (
        b.kind === "node" &&
        a.type === b.type &&
        a.layout === b.layout &&
        a.index === b.index &&
        a.origin === b.origin &&
        sameDefs(a.children, b.children)
      );
    case "variable":
      return (
        b.kind === "variable" &&
        a.type === b.type &&
        a.index === b.index &&
        a.origin === b.origin &&
        (a.metadata === b.metadata || jax.tree.sameStatic(a.metadata, b.metadata))
      );
    case "leaf":
      return b.kind === "leaf" && a.kept === b.kept;
    case "shared":
      return b.kind === "shared" && a.index === b.index;
    case "same":
      return b.kind === "same" && a.origin === b.origin;
    case "static":
      return b.kind === "static" && jax.tree.sameStatic(a.value, b.value);
    case "tree":
      return b.kind === "tree" && jax.tree.sameStructure(a.treedef, b.treedef) && sameDefs(a.children, b.children);
  }
}
const sameDefs = (a: readonly Def[], b: readonly Def[]): boolean =>
  a.length === b.length && a.every((def, i) => sameDef(def, b[i]));

/** The structure with the metadata of its Variables replaced. */
export function mapMetadata(def: Def, f: (variable: VariableDef) => VariableMetadata): Def {
  if (def.kind === "variable") return { ...def, metadata: f(def) };
  if ("children" in def) return { ...def, children: def.children.map((child) => mapMetadata(child, f)) };
  return def;
}

/** Whether the entry has a value. */
export const isLeafDef = (def: Def): boolean =>
  def.kind === "variable" || (def.kind === "leaf" && def.kept === undefined);

function collectPaths(def: Def, path: Path, paths: Path[]): void {
  if (isLeafDef(def)) paths.push(path);
  if (def.kind === "node")
    def.children.forEach((child, i) => collectPaths(child, [...path, def.layout.names[i]], paths));
  if (def.kind === "tree") def.children.forEach((child, i) => collectPaths(child, [...path, def.keys[i]], paths));
}

function formatDef(def: Def): string {
  switch (def.kind) {
    case "node": {
      const { names, statics } = def.layout;
      const children = names.map((name, i) => `${name}: ${formatDef(def.children[i])}`);
      const fixed = statics.map(([name, value]) => `${name} = ${formatStatic(value)}`);
      return `${def.type.name}(${[...children, ...fixed].join(", ")})`;
    }
    case "variable":
      return def.type.name;
    case "leaf":
      return "array";
    case "shared":
      return `shared ${def.index}`;
    case "same":
      return `same ${def.origin}`;
    case "static":
      return formatStatic(def.value);
    case "tree":
      return `{${def.children.map((child, i) => `${String(def.keys[i])}: ${formatDef(child)}`).join(", ")}}`;
  }
}

export function formatStatic(value: unknown): string {
  if (typeof value === "function") return value.name || "function";
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(formatStatic).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return prototype.constructor?.name ?? "object";
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}: ${formatStatic(item)}`)
    .join(", ")}}`;
}
