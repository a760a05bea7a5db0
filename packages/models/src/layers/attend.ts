/** softmax(scale · q kᵀ) v over the tokens present. */
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
