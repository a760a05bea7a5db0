/** softmax(scale · q kᵀ) v over the tokens present. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { Step } from "./step.ts";

/**
 * Each query attends to the keys up to its own position. The cost depends on the tokens present, not on the capacity of the caches.
 * @param query `[B,T,N,D]` @param keys `[B,S,K,D]` @param values `[B,S,K,V]`
 */
export const attend = (
  query: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  { scale, step }: { readonly scale: number; readonly step: Step },
): jax.Array =>
  jax.namedScope("attend", () =>
    jax.nn.dotProductAttention(query, keys, values, {
      scale,
      isCausal: true,
      queryOffset: step.start,
      keyValueSeqLengths: step.lengths,
    }),
  );

interface Attention {
  readonly query: jax.Array;
  readonly key: jax.Array;
  readonly value: jax.Array;
  readonly scale: number;
}

/** Sows query, key, value and the weights `[B,T,N,S]`, which fused attention never materializes; only for prefill. */
export function sowAttention(module: nnx.Module, { query, key, value, scale }: Attention): void {
  if (!module.sow(nnx.Intermediate, "query", query)) return;
  module.sow(nnx.Intermediate, "key", key);
  module.sow(nnx.Intermediate, "value", value);
  const [batch, count, heads, size] = query.shape;
  const grouped = query.reshape(batch, count, key.shape[2], -1, size);
  const scores = jax.numpy.einsum("btkgd,bskd->btkgs", grouped, key, { preferredElementType: "float32" }).mul(scale);
  const causal = jax.numpy.tri(count, count, { dtype: "bool" }).reshape(1, count, 1, 1, count);
  const probs = jax.nn.softmax(jax.numpy.where(causal, scores, -1e30), { axis: -1 });
  module.sow(nnx.Intermediate, "probs", probs.reshape(batch, count, heads, count));
}
