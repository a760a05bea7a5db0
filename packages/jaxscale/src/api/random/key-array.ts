/** Typed random keys, on which arithmetic is an error. */
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { registerPytreeNode } from "../../base/pytree.ts";
import { type Shape, sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { Array } from "../../trace/array.ts";
import * as lax from "../lax/index.ts";
import { at } from "../numpy/at.ts";
import type { IndexEntry } from "../numpy/index-spec.ts";

/**
 * An array of random keys: its shape is that of the keys, each of which is two words. A pytree whose leaf is the uint32 array
 * `[...shape, 2]`, so that it goes through jit, vmap and scan as arrays do. Iterating gives the keys along the first axis.
 */
export class KeyArray {
  /** uint32 `[...shape, 2]` */
  readonly data: Array;

  constructor(data: Array) {
    this.data = data;
  }
  get shape(): Shape {
    return this.data.shape.slice(0, -1);
  }
  get ndim(): number {
    return this.data.ndim - 1;
  }
  /** Number of keys. */
  get size(): number {
    return sizeOf(this.shape);
  }
  get dtype(): "key<fry>" {
    return "key<fry>";
  }

  /** Some of the keys: `keys.at(0).get()`. */
  at(...index: IndexEntry[]): { readonly get: () => KeyArray } {
    return { get: () => new KeyArray(at(this.data, ...index).get()) };
  }
  /** The same keys in another shape. @throws ShapeError */
  reshape(...shape: number[]): KeyArray {
    return new KeyArray(lax.reshape(this.data, [...shape, 2]));
  }
  *[Symbol.iterator](): Generator<KeyArray> {
    if (this.ndim === 0) throw new ShapeError("a single key has no keys to iterate over; use random.split(key)");
    for (let i = 0; i < this.shape[0]; i++) yield new KeyArray(lax.indexInDim(this.data, i, { keepdims: false }));
  }
  toString(): string {
    return `KeyArray(${this.dtype}[${this.shape.join(",")}])`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

registerPytreeNode(KeyArray, {
  flatten: (keys) => [[keys.data], null],
  // A transformation may substitute any value for the array.
  unflatten: (_, [data]) => new KeyArray(data as Array),
  names: () => ["data"],
});

/** A typed key, or the raw uint32[2] that older code uses. */
export type Key = KeyArray | Array;

/** The words of keys. @throws DTypeError, ShapeError unless it is keys */
export function wordsOf(op: string, keys: Key): Array {
  const data = keys instanceof KeyArray ? keys.data : keys;
  if (!(data instanceof Array))
    throw new DTypeError(
      `${op}: the key must be one of random.key, or uint32[2]; got ${data === null ? "null" : typeof data}`,
    );
  if (data.dtype !== "uint32" || data.shape.at(-1) !== 2)
    throw new DTypeError(`${op}: the key must be one of random.key, or uint32[2]; got ${formatAval(data.aval)}`);
  return data;
}

/** The words of one key, uint32[2]. @throws DTypeError, ShapeError */
export function singleKey(op: string, key: Key): Array {
  const words = wordsOf(op, key);
  if (words.ndim !== 1)
    throw new ShapeError(
      `${op}: there must be a single key; got keys of shape [${words.shape.slice(0, -1)}]. Use vmap`,
    );
  return words;
}

/** Keys of the kind that `like` is. */
export const sameKind = <K extends Key>(like: K, words: Array): K =>
  (like instanceof KeyArray ? new KeyArray(words) : words) as K;
