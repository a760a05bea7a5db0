/** Functions of trees as functions of flat lists of arrays, which is what transformations work on. */
import { describe } from "../base/describe.ts";
import { DTypeError } from "../base/errors.ts";
import { flatten, pathOfLeaf, type TreeDef, unflatten } from "../base/pytree.ts";
import { Array } from "../trace/array.ts";
import { asArray, handleRejections, refusePromise } from "../trace/operand.ts";
import type { AsArrays, LeafOf } from "./tree-types.ts";

// biome-ignore lint/suspicious/noExplicitAny: parameters of a generic function are contravariant
export type AnyFunction = (...args: any[]) => unknown;
/** Type of what a number or array becomes by tracing. */
export type Traced<T> = T extends Array | number | boolean
  ? Array
  : [Extract<LeafOf<T>, number | boolean>] extends [never]
    ? T
    : AsArrays<T>;
/** The value of a function that returns `[value, aux]`. */
export type Value<F extends AnyFunction> = ReturnType<F> extends readonly [infer V, unknown] ? V : never;
/** What it returns besides its value. */
export type Aux<F extends AnyFunction> = ReturnType<F> extends readonly [unknown, infer A] ? A : never;

/** The array that an argument or result is. @throws DTypeError for what is none */
export function leafArray(op: string, x: unknown, path?: () => string): Array {
  if (x instanceof Array || typeof x === "number" || typeof x === "boolean") return asArray(op, x);
  refusePromise(op, x);
  const place = path?.();
  throw new DTypeError(
    `${op}: arguments and results must be arrays, numbers, booleans or trees of them; got ${describe(x)}${place ? ` at ${place}` : ""}`,
  );
}

export interface FlatArrays {
  readonly leaves: readonly Array[];
  readonly treedef: TreeDef;
}

/** @throws DTypeError naming the path of a leaf that is no array */
export function flattenArrays(op: string, tree: unknown): FlatArrays {
  const { leaves, treedef } = flatten(tree);
  handleRejections(leaves);
  return { leaves: leaves.map((x, i) => leafArray(op, x, () => pathOfLeaf(tree, i))), treedef };
}

/** A value that is known once something has run. */
export class Once<T> {
  #value: { readonly value: T } | undefined;
  set(value: T): void {
    this.#value = { value };
  }
  get value(): T {
    if (!this.#value) throw new Error("jaxscale: internal error: not yet known");
    return this.#value.value;
  }
}

export interface FlatPart {
  readonly apply: (leaves: readonly Array[]) => { readonly results: readonly Array[]; readonly aux: readonly Array[] };
  readonly leaves: readonly Array[];
  /** The tree of the chosen arguments, as a list. */
  readonly argTree: TreeDef;
  readonly outTree: Once<TreeDef>;
  readonly auxTree: Once<TreeDef>;
}

/** `f` as a function of the leaves of some of its arguments, the others staying as they are. */
export function flatFunction(
  op: string,
  f: AnyFunction,
  args: readonly unknown[],
  argnums: readonly number[],
  hasAux: boolean,
): FlatPart {
  const { leaves, treedef } = flattenArrays(
    op,
    argnums.map((i) => args[i]),
  );
  const outTree = new Once<TreeDef>();
  const auxTree = new Once<TreeDef>();
  const apply = (given: readonly Array[]) => {
    const chosen = unflatten<unknown[]>(treedef, given);
    const all = [...args];
    argnums.forEach((i, k) => {
      all[i] = chosen[k];
    });
    const out = f(...all);
    if (hasAux && !(globalThis.Array.isArray(out) && out.length === 2))
      throw new TypeError(`${op}: with hasAux the function must return a pair [value, aux]; got ${typeof out}`);
    const [value, aux] = hasAux ? (out as readonly [unknown, unknown]) : [out, []];
    const results = flattenArrays(op, value);
    const others = flattenArrays(op, aux);
    outTree.set(results.treedef);
    auxTree.set(others.treedef);
    return { results: results.leaves, aux: others.leaves };
  };
  // Errors name the user's function.
  Object.defineProperty(apply, "name", { value: f.name || op });
  return { apply, leaves, argTree: treedef, outTree, auxTree };
}
