/** Lists and dictionaries of modules: a plain array or object in an attribute is static data. */
import { Module } from "./module.ts";
import { attributesOf } from "./pytree.ts";

/** A list of modules, Variables or anything else: `layers[0]`, `for (const layer of layers)`. Its indices appear in paths. */
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
  /** Appends items. */
  push(...items: readonly T[]): void {
    let next = this.length;
    for (const item of items) this[next++] = item;
  }
  /** The item at an index; a negative index counts from the end. */
  at(index: number): T | undefined {
    return this[index < 0 ? index + this.length : index];
  }
  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i in this; i++) yield this[i];
  }
  /** Maps a function of item and index over the list; returns a plain array. */
  map<U>(f: (item: T, index: number) => U): U[] {
    return [...this].map(f);
  }
}

const reserved = "captures";

/** A dictionary of modules, Variables or anything else. Its keys appear in paths. */
export class Dict<T> extends Module implements Iterable<readonly [string, T]> {
  /** @throws TypeError for the name of a method or property of modules */
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
  /** Sets the item of a name. */
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
