/** Splits modules into structure and state, merges them, and reads and updates them by path. */
import { type Filter, toPredicate } from "./filters.ts";
import { build } from "./graph-build.ts";
import { canonical, type GraphDef } from "./graph-def.ts";
import { takeApart } from "./graph-walk.ts";
import { childrenOf, iterNodes } from "./module.ts";
import { formatPath, type Path, pathId } from "./path.ts";
import { attributesOf, isData, Pytree } from "./pytree.ts";
import { entriesOf, type PureDict, State, type StateEntry } from "./state.ts";
import { statesFor } from "./state-functions.ts";
import { Variable } from "./variable.ts";

/**
 * Splits a module (or plain arrays and objects of modules) into its structure and its state, one State for each filter. A shared
 * Variable occurs once, at its first path. The States share their Variables with the module.
 * @throws TypeError unless the filters match everything (`true` matches the rest)
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/graph.html
 */
export function split<T>(node: T, ...filters: readonly Filter[]): [graphdef: GraphDef<T>, ...states: State[]] {
  const { def, leaves } = takeApart(node);
  return [canonical(def) as GraphDef<T>, ...statesFor("split", leaves, filters, true)];
}

/**
 * Merges a structure and States into a module. It shares the Variables of the States; bare arrays become new Variables.
 * @throws TypeError naming the paths if the States lack a value, or have one too many
 */
export function merge<T>(graphdef: GraphDef<T>, ...states: readonly (State | PureDict)[]): T {
  const given = new Map<string, StateEntry>();
  for (const state of states) for (const entry of entriesOf(state)) given.set(pathId(entry[0]), entry);
  const paths = graphdef.paths;
  const missing = paths.filter((path) => !given.has(pathId(path)));
  const wanted = new Set(paths.map(pathId));
  const unexpected = [...given.values()].filter(([path]) => !wanted.has(pathId(path)));
  if (missing.length > 0 || unexpected.length > 0)
    throw new TypeError(
      `merge: states must have a value for each path of the graph and no other; got ${[
        ...(missing.length > 0 ? [`none for ${listed(missing)}`] : []),
        ...(unexpected.length > 0 ? [`one too many for ${listed(unexpected.map(([path]) => path))}`] : []),
      ].join(", ")}`,
    );
  return build(graphdef, { leaves: paths.map((path) => given.get(pathId(path))?.[1]) }).root as T;
}
const listed = (paths: readonly Path[]): string =>
  `${paths.slice(0, 5).map(formatPath).join(", ")}${paths.length > 5 ? ` and ${paths.length - 5} more` : ""}`;

/** The state of a module, or the part that a filter matches; several filters return several States. */
export function state(node: unknown, ...filters: readonly [] | readonly [Filter]): State;
export function state(node: unknown, ...filters: readonly [Filter, Filter, ...Filter[]]): State[];
export function state(node: unknown, ...filters: readonly Filter[]): State | State[] {
  const states = statesFor("state", takeApart(node).leaves, filters, false);
  return filters.length > 1 ? states : states[0];
}

/** The structure of a module, equal by `===` for equal structures. */
export const graphdef = <T>(node: T): GraphDef<T> => canonical(takeApart(node).def) as GraphDef<T>;

/** Copies a module and its Variables. */
export function clone<T>(node: T): T {
  const { def, leaves } = takeApart(node);
  const copies = leaves.map(([, leaf]) => (leaf instanceof Variable ? leaf.replace(leaf.get()) : leaf));
  return build(def, { leaves: copies }).root as T;
}

/**
 * Updates a module in place: sets the values of its Variables by path, and adds missing ones. Shapes are not compared.
 * @throws TypeError if a path leads through something other than a module
 */
export function update(node: Pytree, ...states: readonly (State | PureDict)[]): void {
  for (const given of states) for (const [path, leaf] of entriesOf(given)) setAt(node, path, leaf);
}

function setAt(root: Pytree, path: Path, leaf: unknown): void {
  let node = root;
  path.slice(0, -1).forEach((key, depth) => {
    const child = attributesOf(node)[key];
    if (!(child instanceof Pytree))
      throw new TypeError(
        `update: a path must lead through modules; got ${formatPath(path)}, where ${formatPath(path.slice(0, depth + 1))} is ${child instanceof Variable ? child : child === undefined ? "nothing" : typeof child}`,
      );
    node = child;
  });
  const name = path[path.length - 1];
  const before = attributesOf(node)[name];
  if (before instanceof Variable) before.set(leaf instanceof Variable ? leaf.get() : leaf);
  else if (isData(leaf)) attributesOf(node)[name] = leaf;
  else
    throw new TypeError(`update: a value must be an array or a Variable; got ${typeof leaf} for ${formatPath(path)}`);
}

/** Removes Variables from a module and returns their state. @throws TypeError without a filter */
export function pop(node: Pytree, ...filters: readonly Filter[]): State {
  if (filters.length === 0) throw new TypeError("pop: there must be a filter for what to take out; got none");
  const predicate = toPredicate(filters);
  const taken = new Map<Variable<unknown>, Path | undefined>();
  for (const [path, at] of [...iterNodes(node, [], new Set())])
    for (const [key, child] of childrenOf(at, path)) {
      if (!(child instanceof Variable)) continue;
      if (!taken.has(child)) taken.set(child, predicate([...path, key], child) ? [...path, key] : undefined);
      if (taken.get(child)) delete attributesOf(at)[key];
    }
  return State.from([...taken].flatMap(([variable, path]) => (path ? [[path, variable] as const] : [])));
}

/** Copies a module, with its Variables and bare arrays replaced by the results of `f`. */
export function map<T>(f: (path: Path, leaf: unknown) => unknown, node: T): T {
  const { def, leaves } = takeApart(node);
  return build(def, { leaves: leaves.map(([path, leaf]) => f(path, leaf)) }).root as T;
}
