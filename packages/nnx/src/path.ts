/** Paths in a module: names of attributes, and indices of lists. */
export type Key = string | number;
/** The path from a module to one of its variables: names of attributes, keys and indices. */
export type Path = readonly Key[];

/** `layers.0.kernel` */
export const formatPath = (path: Path): string => path.join(".");

/** A string that is equal only for equal paths. */
export const pathId = (path: Path): string => path.join("\0");

const isIndex = /^(0|[1-9]\d*)$/;
/** Converts attribute names that are indices, such as those of lists, to numbers. */
export const keyOf = (name: string): Key => (isIndex.test(name) ? Number(name) : name);

/** Compares path keys: numbers before names, names by code points. */
export function compareKeys(a: Key, b: Key): number {
  if (typeof a === "number" || typeof b === "number")
    return typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : 1;
  for (let i = 0; i < a.length && i < b.length; i++)
    if (a[i] !== b[i]) return (a.codePointAt(i) as number) - (b.codePointAt(i) as number);
  return a.length - b.length;
}

export function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compareKeys(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** A path under construction: a linked list whose prefixes are shared. */
export interface Trail {
  readonly key: Key;
  readonly up: Trail | null;
}
export function pathOf(trail: Trail | null): Path {
  const keys: Key[] = [];
  for (let at = trail; at !== null; at = at.up) keys.unshift(at.key);
  return keys;
}
