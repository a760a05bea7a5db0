/** A transformer block of the Llama family, without a cache: causal attention, SwiGLU; weights lie as `[out, in]`. */
import * as jax from "jaxscale";

const { lax, nn, numpy: jnp } = jax;

export interface BlockParameters<T> {
  readonly norm1: T;
  readonly norm2: T;
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly o: T;
  readonly gate: T;
  readonly up: T;
  readonly down: T;
}

export function blockParameters<T>(
  make: (...shape: number[]) => T,
  hidden: number,
  feedForward: number,
): BlockParameters<T> {
  const square = (): T => make(hidden, hidden);
  return {
    norm1: make(hidden),
    norm2: make(hidden),
    q: square(),
    k: square(),
    v: square(),
    o: square(),
    gate: make(feedForward, hidden),
    up: make(feedForward, hidden),
    down: make(hidden, feedForward),
  };
}

const linear = (x: jax.Array, w: jax.Array): jax.Array => jnp.dot(x, w.T);

function rmsNorm(x: jax.Array, weight: jax.Array): jax.Array {
  const meanSquare = x.mul(x).mean({ axis: -1, keepdims: true });
  return x.mul(lax.rsqrt(meanSquare.add(1e-5))).mul(weight);
}

/** @returns the block: `x` is `[tokens, hidden]` */
export const block =
  (heads: number) =>
  (p: BlockParameters<jax.Array>, x: jax.Array): jax.Array => {
    const [tokens, hidden] = x.shape;
    const width = hidden / heads;
    const normed = rmsNorm(x, p.norm1);
    const [q, k, v] = [p.q, p.k, p.v].map((w) => linear(normed, w).reshape([tokens, heads, width]));
    const scores = jnp.einsum("qhd,khd->hqk", q, k).mul(1 / Math.sqrt(width));
    const causal = jnp.tril(jnp.ones([tokens, tokens], { dtype: "bool" }));
    const weights = nn.softmax(jnp.where(causal, scores, -1e30), { axis: -1 });
    const attended = linear(jnp.einsum("hqk,khd->qhd", weights, v).reshape([tokens, hidden]), p.o);
    const y = x.add(attended);
    const again = rmsNorm(y, p.norm2);
    return y.add(linear(nn.silu(linear(again, p.gate)).mul(linear(again, p.up)), p.down));
  };
