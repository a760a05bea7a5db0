/** Flattens graphs of modules. */
import * as jax from "jaxscale";
import { type Def, GraphDef, sameDef, type VariableDef } from "./graph-def.ts";
import { type Key, type Path, pathOf, type Trail } from "./path.ts";
import { attributesOf, isArrayLeaf, type Layout, layoutOf, Pytree, type PytreeClass } from "./pytree.ts";
import { Variable, type VariableClass } from "./variable.ts";

/** A Variable or a bare array, with its path. */
export interface GraphLeaf {
  readonly trail: Trail | null;
  readonly value: unknown;
  /** Whether the leaf belongs to a module. */
  readonly inNode: boolean;
}

/** The value of a leaf: that of the Variable, or the array. */
export const valueOf = ({ value }: GraphLeaf): unknown => (value instanceof Variable ? value.get() : value);

/** The original graph, against which a walk finds unchanged parts. */
export interface Origins {
  /** Number of a node or Variable in the original graph. */
  readonly indexOf: (object: object) => number | undefined;
  /** Whether the Variable of number `index` still has its value. */
  readonly holdsSame: (variable: Variable<unknown>, index: number) => boolean;
  /** Whether the node of number `index` still has its attributes. */
  readonly isUnchanged: (index: number, layout: Layout, children: readonly Def[]) => boolean;
  /** Leaf number of a bare array. */
  readonly leafOf: (array: unknown) => number | undefined;
}

export interface WalkOptions {
  readonly origins?: Origins;
  /** Whether numbers and booleans outside modules are leaves. */
  readonly numbersAreArrays?: boolean;
}

/** Nodes and Variables, in order of first visits. */
export class GraphWalk {
  readonly leaves: GraphLeaf[] = [];
  readonly objects: object[] = [];
  readonly trails: (Trail | null)[] = [];
  #nodes = 0;
  readonly #indices = new Map<object, number>();
  readonly #origins: Origins | undefined;
  readonly #numbersAreArrays: boolean;

  constructor({ origins, numbersAreArrays = false }: WalkOptions = {}) {
    this.#origins = origins;
    this.#numbersAreArrays = numbersAreArrays;
  }

  has(object: object): boolean {
    return this.#indices.has(object);
  }

  /**
   * @param like a structure that the result may equal; if so, it is returned, without a lookup of the interned one
   * @throws TypeError if a static attribute of a node holds data, naming its path
   */
  visit(value: unknown, trail: Trail | null = null, like?: Def): Def {
    if (value instanceof Pytree) return this.#visitNode(value, trail, like);
    if (value instanceof Variable) return this.#visitVariable(value, trail, like);
    if (isArrayLeaf(value)) {
      const kept = this.#origins?.leafOf(value);
      return kept === undefined ? this.#leaf(value, trail) : { kind: "leaf", kept };
    }
    if (this.#numbersAreArrays && (typeof value === "number" || typeof value === "boolean"))
      return this.#leaf(value, trail);
    return this.#visitTree(value, trail, like);
  }

  /** A pytree that contains modules; anything else is static. */
  #visitTree(value: unknown, trail: Trail | null, like: Def | undefined): Def {
    if (typeof value === "object" && value !== null) {
      const { leaves, treedef } = openTree(value);
      if (treedef.kind !== "leaf") {
        const before = like?.kind === "tree" && jax.tree.sameStructure(like.treedef, treedef) ? like : undefined;
        const children = leaves.map(({ key, child }, i) => this.visit(child, { key, up: trail }, before?.children[i]));
        if (before && sameItems(children, before.children)) return before;
        return { kind: "tree", treedef, keys: leaves.map(({ key }) => key), children };
      }
    }
    return like?.kind === "static" && like.value === value ? like : { kind: "static", value };
  }

  #leaf(value: unknown, trail: Trail | null): Def {
    this.leaves.push({ trail, value, inNode: this.#nodes > 0 });
    return freshLeaf;
  }

  #number(object: object, trail: Trail | null): number {
    const index = this.objects.length;
    this.trails.push(trail);
    this.#indices.set(object, index);
    this.objects.push(object);
    return index;
  }

  #shared(object: object, index: number, like: Def | undefined): Def {
    const origin = this.#origins?.indexOf(object);
    if (origin !== undefined) return { kind: "same", origin };
    return like?.kind === "shared" && like.index === index ? like : { kind: "shared", index };
  }

  #visitNode(node: Pytree, trail: Trail | null, like: Def | undefined): Def {
    const seen = this.#indices.get(node);
    if (seen !== undefined) return this.#shared(node, seen, like);
    const index = this.#number(node, trail);
    const layout = layoutOf(node, trail);
    const attributes = attributesOf(node);
    const type = node.constructor as PytreeClass;
    const before = like?.kind === "node" && like.layout === layout && like.type === type ? like : undefined;
    const children = new Array<Def>(layout.names.length);
    this.#nodes++;
    // Runs on every call of a jitted function: no closures.
    for (let i = 0; i < children.length; i++) {
      const key = layout.names[i];
      children[i] = this.visit(attributes[key], { key, up: trail }, before?.children[i]);
    }
    this.#nodes--;
    const origin = this.#origins?.indexOf(node);
    if (before && before.index === index && before.origin === origin && sameItems(children, before.children))
      return before;
    if (origin !== undefined && this.#origins?.isUnchanged(origin, layout, children)) return { kind: "same", origin };
    return { kind: "node", index, type, layout, children, origin };
  }

  #visitVariable(variable: Variable<unknown>, trail: Trail | null, like: Def | undefined): Def {
    const seen = this.#indices.get(variable);
    if (seen !== undefined) return this.#shared(variable, seen, like);
    const index = this.#number(variable, trail);
    const origin = this.#origins?.indexOf(variable);
    if (origin !== undefined && this.#origins?.holdsSame(variable, origin)) return { kind: "same", origin };
    this.leaves.push({ trail, value: variable, inNode: true });
    const type = variable.constructor as VariableClass;
    const def: VariableDef = { kind: "variable", index, type, metadata: variable.metadata, origin };
    return like && sameDef(def, like) ? like : def;
  }
}

const freshLeaf: Def = { kind: "leaf" };

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

interface OpenedTree {
  readonly leaves: readonly { readonly key: Key; readonly child: unknown }[];
  readonly treedef: jax.tree.TreeDef;
}

/** One level of a pytree. */
export function openTree(value: object): OpenedTree {
  const [leaves, treedef] = jax.tree.flattenWithPath(value, { isLeaf: (at) => at !== value });
  return {
    leaves: leaves.map(({ path, leaf }) => ({ key: path.length === 0 ? "" : keyOfEntry(path[0]), child: leaf })),
    treedef,
  };
}

function keyOfEntry(entry: jax.tree.KeyEntry): Key {
  if (entry.kind === "index") return entry.index;
  if (entry.kind === "attribute") return entry.name;
  return typeof entry.key === "number" || typeof entry.key === "string" ? entry.key : String(entry.key);
}

/** A flattened graph: its structure, and its leaves with their paths. */
export function takeApart(tree: unknown): {
  readonly def: GraphDef;
  readonly leaves: readonly (readonly [Path, unknown])[];
} {
  const walk = new GraphWalk();
  const root = walk.visit(tree);
  return {
    def: new GraphDef(root, walk.leaves.length),
    leaves: walk.leaves.map(({ trail, value }) => [pathOf(trail), value] as const),
  };
}
