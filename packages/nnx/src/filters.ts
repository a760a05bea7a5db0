/** Which Variables of a module are meant: by kind, by tag, by path, or by any predicate. */
import * as jax from "jaxscale";
import type { Key, Path } from "./path.ts";
import { Pytree } from "./pytree.ts";
import { Variable } from "./variable.ts";

/** Whether a variable at a path is meant. */
export type Predicate = (path: Path, value: unknown) => boolean;
// biome-ignore lint/suspicious/noExplicitAny: constructors of all kinds
export type AnyClass = abstract new (...args: any) => object;
/**
 * A kind of Variable (`nnx.Param`, with its subclasses), a tag (`"dropout"`), a predicate of path and value, true for
 * everything, false or null for nothing, or a list of which one must hold.
 */
export type Filter = AnyClass | string | Predicate | boolean | null | readonly Filter[];

const isClass = (filter: AnyClass | Predicate): filter is AnyClass => {
  const known: readonly AnyClass[] = [Variable, Pytree, jax.Array, jax.random.KeyArray];
  return known.some((type) => filter === type || filter.prototype instanceof type);
};

/** @throws TypeError for what is no filter */
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

/** Filters of which the first that holds decides. @throws TypeError if one stands behind a filter for everything */
export function toPredicates(op: string, filters: readonly Filter[]): readonly Predicate[] {
  const all = filters.findIndex((filter) => filter === true || filter === Everything);
  const after = all < 0 ? [] : filters.slice(all + 1).filter((filter) => filter !== true && filter !== Everything);
  if (after.length > 0)
    throw new TypeError(
      `${op}: a filter for everything must be the last; got it as filter ${all} of ${filters.length}`,
    );
  return filters.map(toPredicate);
}

/** Holds for every variable. */
export const Everything: Predicate = () => true;
/** Holds for no variable. */
export const Nothing: Predicate = () => false;

/** Instances of a class, and of its subclasses. */
export const OfType =
  (type: AnyClass): Predicate =>
  (_path, value) =>
    value instanceof type;

/** Variables with this tag, such as the state of a random stream. */
export const WithTag =
  (tag: string): Predicate =>
  (_path, value) =>
    value instanceof Variable && value.metadata.tag === tag;

/** What lies below an attribute or index; or, if not `exact`, below one that contains the text. */
export const PathContains =
  (key: Key, { exact = true } = {}): Predicate =>
  (path) =>
    exact ? path.includes(key) : path.some((part) => String(part).includes(String(key)));

/** What one filter or more holds for. */
export function Any(...filters: readonly Filter[]): Predicate {
  const predicates = filters.map(toPredicate);
  return (path, value) => predicates.some((predicate) => predicate(path, value));
}
/** What all filters hold for. */
export function All(...filters: readonly Filter[]): Predicate {
  const predicates = filters.map(toPredicate);
  return (path, value) => predicates.every((predicate) => predicate(path, value));
}
/** What the filter does not hold for. */
export function Not(filter: Filter): Predicate {
  const predicate = toPredicate(filter);
  return (path, value) => !predicate(path, value);
}
