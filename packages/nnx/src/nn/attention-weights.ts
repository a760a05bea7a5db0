/** Dot-product attention with access to its weights. Shapes are `[...batch, T, heads, d]`. */
import * as jax from "jaxscale";

const { nn, numpy: jnp } = jax;

export interface Visibility {
  /** Boolean mask that broadcasts with `[...batch, heads, T, S]`. */
  readonly mask: jax.Array | null;
  readonly isCausal: boolean;
  /** Number of valid keys, an int32 scalar; null for all. */
  readonly present: jax.Array | null;
}

/** `softmax(q kᵀ / √d) v`, fused. */
export function attend(q: jax.Array, k: jax.Array, v: jax.Array, { mask, isCausal, present }: Visibility): jax.Array {
  const batch = q.shape.slice(0, -3);
  const one = (x: jax.Array): jax.Array => (x.ndim > 4 ? x.reshape([-1, ...x.shape.slice(-3)]) : x);
  const rows = batch.reduce((a, b) => a * b, 1);
  const out = nn.dotProductAttention(one(q), one(k), one(v), {
    isCausal,
    ...(mask === null ? {} : { mask: one(mask.astype("bool")) }),
    ...(present === null ? {} : { keyValueSeqLengths: jnp.broadcastTo(present, [rows]) }),
  });
  return out.reshape([...q.shape.slice(0, -1), v.shape.at(-1) as number]);
}

export interface WeightsDropout {
  readonly rate: number;
  readonly key: jax.random.Key;
  /** Whether all batches and heads share one dropout mask. */
  readonly broadcast: boolean;
}
export interface AttentionWeightsOptions extends Visibility {
  readonly dropout: WeightsDropout | null;
  /** Called with the weights before dropout. */
  readonly see?: (weights: jax.Array) => void;
}

/** softmax(q kᵀ / √d) step by step: `[...batch, heads, T, S]` in the dtype of q. */
export function attentionWeights(
  q: jax.Array,
  k: jax.Array,
  { mask, isCausal, present, dropout, see }: AttentionWeightsOptions,
): jax.Array {
  const scaled = q.div(jnp.sqrt(jnp.array(q.shape.at(-1) as number, { dtype: "float32" })).astype(q.dtype));
  const logits = jnp.einsum("...qhd,...khd->...hqk", scaled, repeatHeads(k, q.shape.at(-2) as number));
  const [queries, keys] = logits.shape.slice(-2);
  const visible = [
    ...(mask === null ? [] : [mask.astype("bool")]),
    ...(isCausal ? [jnp.tril(jnp.ones([queries, keys], { dtype: "bool" }))] : []),
    ...(present === null ? [] : [jnp.arange(keys).less(present)]),
  ];
  const masked =
    visible.length === 0
      ? logits
      : jnp.where(
          visible.reduce((a, b) => a.and(b)),
          logits,
          lowest[q.dtype] ?? -Infinity,
        );
  const weights = nn.softmax(masked).astype(q.dtype);
  see?.(weights);
  if (dropout === null) return weights;
  const keep = 1 - dropout.rate;
  const shape = dropout.broadcast ? [...weights.shape.slice(0, -2).fill(1), queries, keys] : weights.shape;
  const kept = jax.random.bernoulli(dropout.key, keep, shape).astype(q.dtype);
  return weights.mul(kept.div(jnp.array(keep, { dtype: q.dtype })));
}

/** Weighted sum of the values. */
export const weightedValues = (weights: jax.Array, v: jax.Array): jax.Array =>
  jnp.einsum("...hqk,...khd->...qhd", weights, repeatHeads(v, weights.shape.at(-3) as number));

const repeatHeads = (x: jax.Array, heads: number): jax.Array => {
  const groups = heads / (x.shape.at(-2) as number);
  return groups === 1 ? x : jnp.repeat(x, groups, { axis: -2 });
};

/** The least finite number: rows without any visible key then have equal weights. */
const lowest: Readonly<Partial<Record<jax.DType, number>>> = {
  float32: -3.4028234663852886e38,
  bfloat16: -3.3895313892515355e38,
  float16: -65504,
};
