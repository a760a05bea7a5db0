/** Lists and dictionaries of modules: a plain array or object in an attribute is static data. */
import { Module } from "./module.ts";
import { attributesOf } from "./pytree.ts";

/** A list of modules, Variables or anything else: `layers[0]`, `for (const layer of layers)`. Paths have its indices. */
export class List<T> extends Module implements Iterable<T> {
  [index: number]: T;

  constructor(items: Iterable<T> = []) {
    super();
    for (const item of items) this.push(item);
  }

  get length(): number {
    let length = 0;
    while (length in this) length++;
    return length;
  }
  /** Puts items at the end. */
  push(...items: readonly T[]): void {
    let next = this.length;
    for (const item of items) this[next++] = item;
  }
  /** The item at an index, from the end if negative. */
  at(index: number): T | undefined {
    return this[index < 0 ? index + this.length : index];
  }
  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i in this; i++) yield this[i];
  }
  /** Results of a function of every item and its index, as a plain array. */
  map<U>(f: (item: T, index: number) => U): U[] {
    return [...this].map(f);
  }
}

const reserved = "captures";

/** Modules, Variables or anything else by name. Paths have its keys. */
export class Dict<T> extends Module implements Iterable<readonly [string, T]> {
  /** @throws TypeError for a name that a member of modules has */
  constructor(items: Readonly<Record<string, T>> = {}) {
    super();
    for (const [name, item] of Object.entries(items)) this.set(name, item);
  }

  /** Whether there is an item of that name. */
  has(name: string): boolean {
    return Object.hasOwn(this, name);
  }
  /** The item of that name. @throws TypeError if there is none */
  get(name: string): T {
    if (!this.has(name))
      throw new TypeError(
        `nnx.Dict: there must be an item of that name; got ${name}, not one of ${this.keys().join(", ")}`,
      );
    return attributesOf(this)[name] as T;
  }
  /** Puts an item under a name, in place of the one before. */
  set(name: string, item: T): void {
    if (name in Dict.prototype || name === reserved)
      throw new TypeError(`nnx.Dict: a name must not be that of a member; got ${name}`);
    attributesOf(this)[name] = item;
  }
  /** Names of the items, in the order in which they were set. */
  keys(): string[] {
    return Object.keys(this).filter((name) => name !== reserved);
  }
  *[Symbol.iterator](): Generator<readonly [string, T]> {
    for (const name of this.keys()) yield [name, this.get(name)];
  }
}
