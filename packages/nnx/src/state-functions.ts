/** Splits, merges and maps States. */
import { type Filter, type Predicate, toPredicates } from "./filters.ts";
import { formatPath, type Path, pathId } from "./path.ts";
import { type PureDict, State, type StateEntry } from "./state.ts";
import { Variable } from "./variable.ts";

/** Entries grouped by the first predicate that matches, and those that no predicate matches. */
export function partition(
  entries: Iterable<StateEntry>,
  predicates: readonly Predicate[],
): { readonly parts: readonly StateEntry[][]; readonly rest: readonly StateEntry[] } {
  const parts = predicates.map((): StateEntry[] => []);
  const rest: StateEntry[] = [];
  for (const entry of entries) {
    const place = predicates.findIndex((predicate) => predicate(entry[0], entry[1]));
    (place < 0 ? rest : parts[place]).push(entry);
  }
  return { parts, rest };
}

/** One State for each filter, or one State of everything. @throws TypeError if no filter matches a leaf */
export function statesFor(
  op: string,
  entries: Iterable<StateEntry>,
  filters: readonly Filter[],
  exhaustive: boolean,
): State[] {
  if (filters.length === 0) return [State.from(entries)];
  const { parts, rest } = partition(entries, toPredicates(op, filters));
  if (exhaustive && rest.length > 0)
    throw new TypeError(
      `${op}: filters must take every leaf; got none for ${rest
        .slice(0, 5)
        .map(([path, leaf]) => `${formatPath(path)} (${(leaf as object).constructor.name})`)
        .join(", ")}${rest.length > 5 ? ` and ${rest.length - 5} more` : ""}. Let the last filter be true`,
    );
  return parts.map((part) => State.from(part));
}

/** Splits a State into one for each filter. @throws TypeError unless every leaf matches a filter */
export const splitState = (state: State, ...filters: readonly Filter[]): State[] =>
  statesFor("splitState", state, filters, true);

/** The leaves that any of the filters matches. */
export const filterState = (state: State, ...filters: readonly Filter[]): State =>
  State.from(partition(state, toPredicates("filterState", filters)).parts.flat());

/** Merges States; later ones win. */
export function mergeState(...states: readonly State[]): State {
  const byPath = new Map<string, StateEntry>();
  for (const state of states) for (const entry of state) byPath.set(pathId(entry[0]), entry);
  return State.from(byPath.values());
}

/** Maps `f(path, leaf)` over the leaves of a State. */
export const mapState = (f: (path: Path, leaf: unknown) => unknown, state: State): State =>
  State.from([...state].map(([path, leaf]) => [path, f(path, leaf)] as const));

/** `[path, leaf]` of each leaf, in order. */
export const toFlatState = (state: State): StateEntry[] => [...state];
/** The State of a list of `[path, leaf]`: the inverse of `toFlatState`. */
export const fromFlatState = (entries: Iterable<StateEntry>): State => State.from(entries);

/** Converts a State to nested plain objects with the values of its Variables as leaves. */
export function toPureDict(state: State): PureDict {
  const root: Record<string, unknown> = {};
  for (const [path, leaf] of state) {
    let at = root;
    for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    at[path[path.length - 1]] = leaf instanceof Variable ? leaf.get() : leaf;
  }
  return root;
}
