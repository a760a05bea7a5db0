/** `random`: numbers drawn from keys, bit for bit those of JAX. @see https://docs.jax.dev/en/latest/jax.random.html */

export { exponential, gumbel, normal, truncatedNormal } from "./random/continuous.ts";
export { categorical, choice, permutation } from "./random/discrete.ts";
export { type Key, KeyArray } from "./random/key-array.ts";
export { foldIn, key, keyData, prngKey, split, wrapKeyData } from "./random/keys.ts";
export { bernoulli, bits, randint, type SampleOptions, uniform } from "./random/uniform.ts";
