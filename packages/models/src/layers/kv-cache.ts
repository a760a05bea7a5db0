/** Caches of earlier tokens for decoding: arrays of a fixed capacity, updated in place if donated. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { CacheSize } from "../architecture.ts";
import type { Axes } from "../parallel/model-mesh.ts";

/**
 * Sequences of vectors: `[B, capacity, …item]`. A cache of int8 holds codes, and a float32 scale for each vector: `code = rint(127 x / max|x|)`.
 */
export class SequenceCache extends nnx.Module {
  readonly values: nnx.Cache;
  /** `[B, capacity, …, 1]`; null if the values are floats. */
  readonly scales: nnx.Cache | null;

  /** @param values zeros; int8 for codes @param axes names of the dimensions that a mesh may split; rows if absent */
  constructor(values: jax.Array, axes: Axes = ["batch"]) {
    super();
    this.values = new nnx.Cache(values, { outSharding: axes });
    const hasCodes = values.dtype === "int8";
    this.scales = hasCodes
      ? new nnx.Cache(jax.numpy.zeros([...values.shape.slice(0, -1), 1]), { outSharding: axes })
      : null;
  }

  /**
   * Writes new items at the position of each row.
   * @param items `[B,T,…item]` @param start int32 `[B]`
   * @returns the whole cache, `[B, capacity, …item]`
   */
  append(items: jax.Array, start: jax.Array): jax.Array {
    return jax.namedScope("cache", () => this.appended(items, start));
  }

  private appended(items: jax.Array, start: jax.Array): jax.Array {
    if (!this.scales) return written(this.values, items, start);
    const wide = items.astype("float32");
    const largest = jax.numpy.abs(wide).max({ axis: -1, keepdims: true });
    const scale = jax.numpy.where(largest.equal(0), 1, largest.div(127));
    const codes = written(this.values, jax.numpy.clip(jax.numpy.round(wide.div(scale)), -127, 127), start);
    // Attention reads codes and scales: the product is never in memory.
    return codes
      .astype("float32")
      .mul(written(this.scales, scale, start))
      .astype(items.dtype);
  }
}

/** Writes items into a cache, and gives the whole of it. */
function written(cache: nnx.Cache, items: jax.Array, start: jax.Array): jax.Array {
  const [batch, count] = items.shape;
  const before = cache.get();
  const typed = items.astype(before.dtype);
  if (batch === 1) {
    const rest = before.shape.slice(2).map(() => 0);
    cache.set(jax.lax.dynamicUpdateSlice(before, typed, [0, start.at(0).get(), ...rest]));
  } else {
    const places = jax.numpy.expandDims(jax.numpy.arange(count, { dtype: "int32" }), 0);
    const columns = jax.numpy.expandDims(start, 1).add(places);
    // Row by row, so that a mesh may split them. Padding after a short row may exceed the capacity: it is dropped.
    const write = (row: jax.Array, at: jax.Array, added: jax.Array): jax.Array =>
      row.at(at).set(added, { uniqueIndices: true });
    cache.set(jax.vmap(write)(before, columns, typed));
  }
  return cache.get();
}

/** Keys and values of grouped heads, each `[B, capacity, heads, size]`. */
export class KeyValueCache extends nnx.Module {
  readonly keys: SequenceCache;
  readonly values: SequenceCache;

  constructor(keys: jax.Array, values: jax.Array) {
    super();
    this.keys = new SequenceCache(keys, ["batch", null, "kv_heads", null]);
    this.values = new SequenceCache(values, ["batch", null, "kv_heads", null]);
  }
}

/** A key-value cache without tokens. */
export function emptyKeyValueCache(
  { numKeyValueHeads, headDim }: { readonly numKeyValueHeads: number; readonly headDim: number },
  { batch, capacity, dtype }: CacheSize,
): KeyValueCache {
  const empty = (): jax.Array => jax.numpy.zeros([batch, capacity, numKeyValueHeads, headDim], { dtype });
  return new KeyValueCache(empty(), empty());
}

/** The latent of keys and values, followed by the rotated part of the keys: `[B, capacity, kvLoraRank + qkRopeHeadDim]`. */
export class LatentCache extends SequenceCache {}
