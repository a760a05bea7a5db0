/** Values from inside layers, for `observe`. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

/** Sows values under their names. */
export function sowAll(module: nnx.Module, values: Readonly<Record<string, jax.Array>>): void {
  for (const [name, value] of Object.entries(values)) module.sow(nnx.Intermediate, name, value);
}

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
