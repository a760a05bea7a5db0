/** Splits the random streams of a model for `vmap` and `scan`. */
import * as jax from "jaxscale";
import { Everything, type Filter, toPredicate } from "./filters.ts";
import { iterNodes } from "./module.ts";
import type { Pytree } from "./pytree.ts";
import { noneTaken, RngStream } from "./rngs.ts";

/** Options of `splitRngs`. */
export interface SplitRngsOptions {
  /** The number or shape of the new keys. */
  readonly splits: number | readonly number[];
  /** The streams to split; all if absent. */
  readonly only?: Filter;
}

/** Restores the split streams on disposal, one key further: `using backups = splitRngs(model, { splits: 4 })`. */
export class SplitBackups {
  readonly #restore: readonly (() => void)[];
  constructor(restore: readonly (() => void)[]) {
    this.#restore = restore;
  }
  /** Restores the keys and counts of the streams. */
  restore(): void {
    for (const restore of this.#restore) restore();
  }
  [Symbol.dispose](): void {
    this.restore();
  }
}

/**
 * Splits the key of each random stream in `node`, in place, so that `vmap` or `scan` maps over the keys.
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
