/** Decoder blocks in the shape of GLM-4: grouped attention with caches, a gated MLP in one matrix; and how tensor parallelism splits them. */
import * as jax from "jaxscale";

const { lax, nn, numpy: jnp, P } = jax;

export interface BlockSizes {
  readonly hidden: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly feedForward: number;
}

/** Weights lie as `[out, in]`, caches as `[batch, capacity, heads, headDim]`. */
export interface Block<T> {
  readonly norm1: T;
  readonly norm2: T;
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly o: T;
  readonly gateUp: T;
  readonly down: T;
}
export interface Cache<T> {
  readonly keys: T;
  readonly values: T;
}

export function makeBlock<T>(
  make: (...shape: number[]) => T,
  { hidden, heads, keyHeads, headDim, feedForward }: BlockSizes,
): Block<T> {
  return {
    norm1: make(hidden),
    norm2: make(hidden),
    q: make(heads * headDim, hidden),
    k: make(keyHeads * headDim, hidden),
    v: make(keyHeads * headDim, hidden),
    o: make(hidden, heads * headDim),
    gateUp: make(2, feedForward, hidden),
    down: make(hidden, feedForward),
  };
}

/** Column-parallel into heads and MLP, row-parallel out of them. */
export const tensorParallel = {
  norm1: P(),
  norm2: P(),
  q: P("tensor"),
  k: P("tensor"),
  v: P("tensor"),
  o: P(null, "tensor"),
  gateUp: P(null, "tensor"),
  down: P(null, "tensor"),
} as const satisfies Block<jax.PartitionSpec>;
export const headsOverTensor: jax.PartitionSpec = P(null, null, "tensor");

const linear = (x: jax.Array, w: jax.Array): jax.Array =>
  lax.dotGeneral(
    x,
    w,
    [
      [[2], [w.ndim - 1]],
      [[], []],
    ],
    { preferredElementType: "float32" },
  );

function rmsNorm(x: jax.Array, weight: jax.Array): jax.Array {
  const meanSquare = x.mul(x).mean({ axis: -1, keepdims: true });
  return x.mul(lax.rsqrt(meanSquare.add(1e-5))).mul(weight);
}

/** Turns neighbours by angles that fall with the dimension. @param x `[B,T,heads,D]` @param positions int32 `[T]` */
function rotate(x: jax.Array, positions: jax.Array): jax.Array {
  const [batch, count, heads, size] = x.shape;
  const frequencies = jnp.array(Float32Array.from({ length: size / 2 }, (_, j) => 10000 ** ((-2 * j) / size)));
  const angles = jnp.expandDims(positions.astype("float32"), [0, 2, 3]).mul(frequencies);
  const pairs = x.reshape(batch, count, heads, size / 2, 2);
  const [cos, sin] = [jnp.expandDims(jnp.cos(angles), -1), jnp.expandDims(jnp.sin(angles), -1)];
  const signs = jnp.array([-1, 1], { dtype: "float32" });
  return pairs.mul(cos).add(jnp.flip(pairs, -1).mul(sin).mul(signs)).reshape(x.shape);
}

/** One layer on new tokens, which it writes into its cache. @param x float32 `[B,T,H]` @param start int32 `[]`, the first token's position */
export function decode(
  sizes: BlockSizes,
  p: Block<jax.Array>,
  cache: Cache<jax.Array>,
  x: jax.Array,
  start: jax.Array,
): { readonly x: jax.Array; readonly cache: Cache<jax.Array> } {
  const [batch, count] = x.shape;
  const positions = jnp.arange(count, { dtype: "int32" }).add(start);
  const heads = (y: jax.Array): jax.Array => y.reshape(batch, count, -1, sizes.headDim);
  const normed = rmsNorm(x, p.norm1);
  const query = rotate(heads(linear(normed, p.q)), positions);
  const append = (before: jax.Array, items: jax.Array): jax.Array =>
    lax.dynamicUpdateSlice(before, items.astype(before.dtype), [0, start, 0, 0]);
  const keys = append(cache.keys, rotate(heads(linear(normed, p.k)), positions));
  const values = append(cache.values, heads(linear(normed, p.v)));
  const attended = nn.dotProductAttention(query.astype(keys.dtype), keys, values, {
    isCausal: true,
    queryOffset: start,
    keyValueSeqLengths: jnp.broadcastTo(start.add(count), [batch]),
  });
  const between = x.add(linear(attended.astype("float32").reshape(batch, count, -1), p.o));
  const gateUp = linear(rmsNorm(between, p.norm2), p.gateUp);
  const [gate, up] = [gateUp.at(jax.slice(), jax.slice(), 0).get(), gateUp.at(jax.slice(), jax.slice(), 1).get()];
  return { x: between.add(linear(nn.silu(gate).mul(up), p.down)), cache: { keys, values } };
}
