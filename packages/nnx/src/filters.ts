/** Filters that select the Variables of a module by type, tag, path or predicate. */
import * as jax from "jaxscale";
import type { Key, Path } from "./path.ts";
import { Pytree } from "./pytree.ts";
import { Variable } from "./variable.ts";

/** Whether the filter matches a variable at a path. */
export type Predicate = (path: Path, value: unknown) => boolean;
// biome-ignore lint/suspicious/noExplicitAny: constructors of all kinds
export type AnyClass = abstract new (...args: any) => object;
/**
 * A Variable type (`nnx.Param`, with its subclasses), a tag (`"dropout"`), a predicate of path and value, true for
 * everything, false or null for nothing, or a list of filters, any of which may match.
 */
export type Filter = AnyClass | string | Predicate | boolean | null | readonly Filter[];

const isClass = (filter: AnyClass | Predicate): filter is AnyClass => {
  const known: readonly AnyClass[] = [Variable, Pytree, jax.Array, jax.random.KeyArray];
  return known.some((type) => filter === type || filter.prototype instanceof type);
};

/** Converts a filter to a predicate. @throws TypeError if the value is not a filter */
export function toPredicate(filter: Filter): Predicate {
  if (typeof filter === "boolean") return () => filter;
  if (filter === null) return Nothing;
  if (typeof filter === "string") return WithTag(filter);
  if (typeof filter === "function") return isClass(filter) ? OfType(filter) : (filter as Predicate);
  if (Array.isArray(filter)) return Any(...filter);
  throw new TypeError(
    `nnx: a filter must be a kind of Variable, a tag, a predicate, true, false or a list of filters; got ${String(filter)}`,
  );
}

/** Predicates of a list of filters, of which the first match wins. @throws TypeError if a filter follows one that matches everything */
export function toPredicates(op: string, filters: readonly Filter[]): readonly Predicate[] {
  const all = filters.findIndex((filter) => filter === true || filter === Everything);
  const after = all < 0 ? [] : filters.slice(all + 1).filter((filter) => filter !== true && filter !== Everything);
  if (after.length > 0)
    throw new TypeError(
      `${op}: a filter for everything must be the last; got it as filter ${all} of ${filters.length}`,
    );
  return filters.map(toPredicate);
}

/** Matches every variable. */
export const Everything: Predicate = () => true;
/** Matches no variable. */
export const Nothing: Predicate = () => false;

/** Matches instances of a class, including its subclasses. */
export const OfType =
  (type: AnyClass): Predicate =>
  (_path, value) =>
    value instanceof type;

/** Matches Variables with this tag, such as the state of a random stream. */
export const WithTag =
  (tag: string): Predicate =>
  (_path, value) =>
    value instanceof Variable && value.metadata.tag === tag;

/** Matches variables whose path contains a key; if not `exact`, a key that contains the text. */
export const PathContains =
  (key: Key, { exact = true } = {}): Predicate =>
  (path) =>
    exact ? path.includes(key) : path.some((part) => String(part).includes(String(key)));

/** Matches what at least one of the filters matches. */
export function Any(...filters: readonly Filter[]): Predicate {
  const predicates = filters.map(toPredicate);
  return (path, value) => predicates.some((predicate) => predicate(path, value));
}
/** Matches what all filters match. */
export function All(...filters: readonly Filter[]): Predicate {
  const predicates = filters.map(toPredicate);
  return (path, value) => predicates.every((predicate) => predicate(path, value));
}
/** Matches what the filter does not match. */
export function Not(filter: Filter): Predicate {
  const predicate = toPredicate(filter);
  return (path, value) => !predicate(path, value);
}
