/** What random smooth programs are made of. */
import * as jax from "jaxscale";

const { lax, nn, numpy: jnp } = jax;
type A = jax.Array;

/** Functions with small derivatives on [-4, 4], so that a chain of them keeps errors small; each gives values in that range. */
export const smoothFunctions: Readonly<Record<string, (x: A) => A>> = {
  tanh: lax.tanh,
  logistic: lax.logistic,
  sin: lax.sin,
  cos: lax.cos,
  atan: lax.atan,
  erf: lax.erf,
  asinh: lax.asinh,
  expOfNegativeSquare: (x) => lax.exp(lax.neg(lax.square(x))),
  logOfOnePlusSquare: (x) => lax.log1p(lax.square(x)),
  root: (x) => jnp.sqrt(lax.add(lax.square(x), jnp.array(1, { dtype: x.dtype }))).sub(1),
  inverseRoot: (x) => lax.rsqrt(lax.add(lax.square(x), jnp.array(1, { dtype: x.dtype }))),
  exponentOfMinus: (x) => lax.expm1(lax.neg(lax.abs(x))),
  mean: (x) => (x.ndim === 0 || x.size === 0 ? x : x.add(jnp.mean(x, { axis: -1, keepdims: true })).mul(0.5)),
  softmax: (x) => (x.ndim === 0 || x.size === 0 ? x : nn.softmax(x)),
  gelu: (x) => nn.gelu(x).mul(0.5),
  silu: (x) => nn.silu(x).mul(0.5),
  layerNorm: (x) => (x.ndim === 0 || x.size === 0 ? x : nn.standardize(x, { epsilon: 1 })),
  logSumExp: (x) => (x.ndim === 0 || x.size === 0 ? x : x.sub(nn.logsumexp(x, { axis: -1, keepdims: true })).mul(0.25)),
  transpose: (x) => x.T,
};
