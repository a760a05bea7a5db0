/** Converts calls with modules to calls with arrays: flattens arguments and results, and writes updates back. */
import * as jax from "jaxscale";
import { type Built, build } from "../graph-build.ts";
import { type Def, GraphDef, isLeafDef } from "../graph-def.ts";
import { type GraphLeaf, GraphWalk, valueOf } from "../graph-walk.ts";
import type { Trail } from "../path.ts";
import type { Layout } from "../pytree.ts";
import { Variable } from "../variable.ts";

/** First key of the paths of results; those of arguments start with a number. */
export const outKey = "out";

export interface CallOptions {
  readonly numbersAreArrays?: boolean;
  readonly like?: GraphDef;
}

/** The caller's side. */
export class GraphCall {
  readonly def: GraphDef;
  readonly leaves: readonly GraphLeaf[];
  readonly trails: readonly (Trail | null)[];
  readonly #objects: readonly object[];

  /** @param like the structure of an earlier call, to reuse if equal */
  constructor(args: readonly unknown[], { numbersAreArrays = true, like }: CallOptions = {}) {
    const walk = new GraphWalk({ numbersAreArrays });
    const root = walk.visit(args, null, like?.root);
    this.def = like && root === like.root ? like : new GraphDef(root, walk.leaves.length);
    this.leaves = walk.leaves;
    this.trails = walk.trails;
    this.#objects = walk.objects;
  }

  get values(): unknown[] {
    return this.leaves.map(valueOf);
  }

  /** A module or Variable among the arguments, by number. */
  object(index: number): object {
    return this.#objects[index];
  }

  /** Writes updates back. @param values in order of the leaves of the outcome @returns the result of the function */
  leave({ def, values }: { readonly def: GraphDef; readonly values: readonly unknown[] }): unknown {
    const { root } = build(def, {
      leaves: values,
      objects: this.#objects,
      oldLeaf: (leaf) => valueOf(this.leaves[leaf]),
    });
    return (root as readonly unknown[])[1];
  }
}

/** The outcome of a function: the structure of the modules in its arguments and of its result, with the new leaves. */
export interface Outcome {
  readonly def: GraphDef;
  readonly leaves: readonly GraphLeaf[];
  readonly values: readonly unknown[];
  /** For each leaf that is a changed Variable, its leaf index in the arguments. */
  readonly origins: readonly (number | undefined)[];
}

/** The function's side: the same arguments with other values, such as tracers. */
export class EnteredCall {
  readonly args: readonly unknown[];
  readonly #built: Built;
  readonly #values: readonly unknown[];
  readonly #trails: readonly (Trail | null)[];
  readonly #isTaken: readonly boolean[];
  readonly #inputs: readonly Input[];
  readonly #indices: ReadonlyMap<object, number>;

  /**
   * @param trails paths of modules and Variables, from which the paths of new ones derive
   * @param isTaken leaves that are donated: they are returned even if unchanged
   */
  constructor(
    def: GraphDef,
    values: readonly unknown[],
    {
      trails = [],
      isTaken = [],
    }: { readonly trails?: readonly (Trail | null)[]; readonly isTaken?: readonly boolean[] } = {},
  ) {
    this.#built = build(def, { leaves: values });
    this.args = this.#built.root as readonly unknown[];
    this.#values = values;
    this.#trails = trails;
    this.#isTaken = isTaken;
    this.#inputs = inputsOf(def.root);
    this.#indices = new Map(this.#built.objects.map((object, index) => [object, index]));
  }

  /** A module or Variable among the arguments, by number. */
  object(index: number): object {
    return this.#built.objects[index];
  }
  /** Current values of the Variables in the arguments, by leaf. */
  get currentValues(): ReadonlyMap<number, unknown> {
    const current = new Map<number, unknown>();
    this.#built.objects.forEach((object, index) => {
      const leaf = this.#built.leafOf[index];
      if (leaf !== undefined && object instanceof Variable) current.set(leaf, object.get());
    });
    return current;
  }

  /** The updates and the result. */
  outcome(result: unknown): Outcome {
    const { objects, leafOf } = this.#built;
    const stays = (leaf: number | undefined, value: unknown): leaf is number =>
      leaf !== undefined && !this.#isTaken[leaf] && value === this.#values[leaf];
    const bareLeaves = new Map(this.#values.map((value, leaf) => [value, leaf] as const));
    let inResult = false;
    const walk = new GraphWalk({
      numbersAreArrays: true,
      origins: {
        indexOf: (object) => this.#indices.get(object),
        holdsSame: (variable, index) => stays(leafOf[index], variable.get()),
        isUnchanged: (index, layout, children) => unchanged(this.#inputs[index], layout, children),
        leafOf: (array) => {
          const leaf = bareLeaves.get(array);
          return !inResult && stays(leaf, array) ? leaf : undefined;
        },
      },
    });
    const kept: Def[] = [];
    objects.forEach((object, index) => {
      if (!walk.has(object)) kept.push(walk.visit(object, this.#trails[index] ?? null));
    });
    inResult = true;
    const returned = walk.visit(result, { key: outKey, up: null });
    return {
      def: new GraphDef(listDef([listDef(kept), returned]), walk.leaves.length),
      leaves: walk.leaves,
      values: walk.leaves.map(valueOf),
      origins: walk.leaves.map(({ value }) => {
        const index = value instanceof Variable ? this.#indices.get(value) : undefined;
        return index === undefined ? undefined : leafOf[index];
      }),
    };
  }
}

function listDef(children: readonly Def[]): Def {
  const treedef = jax.tree.structure(children.map(() => 0));
  return { kind: "tree", treedef, keys: [...children.keys()], children };
}

/** A node of the arguments, with the leaf numbers of its bare arrays. */
interface Input {
  readonly def: Def;
  readonly bareLeaves: readonly (number | undefined)[];
}

/** Nodes and Variables by number. */
function inputsOf(root: Def): readonly Input[] {
  const inputs: Input[] = [];
  let next = 0;
  const visit = (def: Def): void => {
    const bareLeaves: (number | undefined)[] = [];
    if (def.kind === "node" || def.kind === "variable") inputs[def.index] = { def, bareLeaves };
    if (isLeafDef(def)) next++;
    if ("children" in def)
      for (const child of def.children) {
        bareLeaves.push(child.kind === "leaf" ? next : undefined);
        visit(child);
      }
  };
  visit(root);
  return inputs;
}

function unchanged({ def, bareLeaves }: Input, layout: Layout, children: readonly Def[]): boolean {
  if (def.kind !== "node" || def.layout !== layout) return false;
  return children.every((child, i) => {
    const before = def.children[i];
    if (child.kind === "leaf") return child.kept !== undefined && child.kept === bareLeaves[i];
    return child.kind === "same" && "index" in before && child.origin === before.index;
  });
}
