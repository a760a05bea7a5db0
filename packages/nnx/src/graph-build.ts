/** Rebuilds graphs of modules with other values. */
import * as jax from "jaxscale";
import type { Def, GraphDef, NodeDef, VariableDef } from "./graph-def.ts";
import { attributesOf, makeNode, Pytree, setStatics } from "./pytree.ts";
import { makeVariable, Variable } from "./variable.ts";

export interface Sources {
  /** Values of the leaves, in order. A Variable given for the leaf of a Variable replaces it. */
  readonly leaves: readonly unknown[];
  /** Nodes and Variables of the original graph, by number; they are updated in place. */
  readonly objects?: readonly object[];
  /** Leaves of the original graph, by number. */
  readonly oldLeaf?: (leaf: number) => unknown;
}

export interface Built {
  readonly root: unknown;
  /** Nodes and Variables by number. */
  readonly objects: readonly object[];
  /** The leaf index of each Variable, by its number. */
  readonly leafOf: readonly (number | undefined)[];
}

export function build({ root }: GraphDef, sources: Sources): Built {
  const builder = new Builder(sources);
  return { root: builder.make(root), objects: builder.objects, leafOf: builder.leafOf };
}

class Builder {
  readonly objects: object[] = [];
  readonly leafOf: (number | undefined)[] = [];
  readonly #sources: Sources;
  #next = 0;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  make(def: Def): unknown {
    switch (def.kind) {
      case "node":
        return this.#node(def);
      case "variable":
        return this.#variable(def);
      case "leaf":
        return def.kept === undefined ? this.#sources.leaves[this.#next++] : this.#sources.oldLeaf?.(def.kept);
      case "shared":
        return this.objects[def.index];
      case "same":
        return this.#sources.objects?.[def.origin];
      case "static":
        return def.value;
      case "tree":
        return jax.tree.unflatten(
          def.treedef,
          def.children.map((child) => this.make(child)),
        );
    }
  }

  #origin(def: NodeDef | VariableDef): object | undefined {
    return def.origin === undefined ? undefined : this.#sources.objects?.[def.origin];
  }

  #node(def: NodeDef): Pytree {
    const origin = this.#origin(def);
    const node = origin instanceof Pytree ? origin : makeNode(def.type, def.layout);
    this.objects[def.index] = node;
    const attributes = attributesOf(node);
    if (node === origin && !def.layout.fits(node)) {
      for (const name of Object.keys(attributes)) delete attributes[name];
      setStatics(node, def.layout);
    }
    def.layout.names.forEach((name, i) => {
      const value = this.make(def.children[i]);
      if (attributes[name] !== value) attributes[name] = value;
    });
    return node;
  }

  #variable(def: VariableDef): Variable<unknown> {
    const origin = this.#origin(def);
    this.leafOf[def.index] = this.#next;
    const value = this.#sources.leaves[this.#next++];
    const variable = origin instanceof Variable ? written(origin, value) : newVariable(def, value);
    this.objects[def.index] = variable;
    return variable;
  }
}

function written(variable: Variable<unknown>, value: unknown): Variable<unknown> {
  variable.set(value);
  return variable;
}

const newVariable = ({ type, metadata }: VariableDef, value: unknown): Variable<unknown> =>
  value instanceof Variable ? value : makeVariable(type, value, metadata);
