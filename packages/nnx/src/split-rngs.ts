/** Random streams of a model, one for each of many copies of it. */
import * as jax from "jaxscale";
import { Everything, type Filter, toPredicate } from "./filters.ts";
import { iterNodes } from "./module.ts";
import type { Pytree } from "./pytree.ts";
import { noneTaken, RngStream } from "./rngs.ts";

/** Options of `splitRngs`. */
export interface SplitRngsOptions {
  /** How many, or in which shape. */
  readonly splits: number | readonly number[];
  /** Which streams; all if absent. */
  readonly only?: Filter;
}

/** Gives the streams back what they were, one key further: `using backups = splitRngs(model, { splits: 4 })`. */
export class SplitBackups {
  readonly #restore: readonly (() => void)[];
  constructor(restore: readonly (() => void)[]) {
    this.#restore = restore;
  }
  /** Gives the streams back the keys and counts that they had before. */
  restore(): void {
    for (const restore of this.#restore) restore();
  }
  [Symbol.dispose](): void {
    this.restore();
  }
}

/**
 * Replaces the key of each random stream below `node` by many, in place, so that `vmap` or `scan` gives each copy its own.
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/rnglib.html
 */
export function splitRngs(node: Pytree, { splits, only = Everything }: SplitRngsOptions): SplitBackups {
  const wanted = toPredicate(only);
  const restore: (() => void)[] = [];
  for (const [path, stream] of iterNodes(node, [], new Set())) {
    if (!(stream instanceof RngStream)) continue;
    if (!wanted([...path, "key"], stream.key) || !wanted([...path, "count"], stream.count)) continue;
    const next = stream.next();
    const [key, count] = [stream.key.get(), stream.count.get()];
    restore.push(() => {
      stream.key.set(key);
      stream.count.set(count);
    });
    const keys = jax.random.split(next, splits);
    stream.key.set(keys);
    stream.count.set(noneTaken(keys));
  }
  return new SplitBackups(restore);
}
