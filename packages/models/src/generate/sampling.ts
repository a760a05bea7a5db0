/** From logits to the next token, in the order and by the definitions of transformers. */
import * as jax from "jaxscale";
import type { GenerationConfig } from "../config/generation.ts";

export type Sampling = Pick<GenerationConfig, "doSample" | "temperature" | "topK" | "topP" | "repetitionPenalty">;

/** Whether tokens that occurred have to be known. */
export const needsSeen = ({ repetitionPenalty }: Sampling): boolean => repetitionPenalty !== 1;

/**
 * Logits that decide: the penalty always, the other settings only where tokens are drawn. What is dropped is -∞.
 * @param logits float32 `[B,V]` @param seen bool `[B,V]`: which tokens the row holds; needed for a penalty
 */
export function processLogits(logits: jax.Array, seen: jax.Array | null, sampling: Sampling): jax.Array {
  const { doSample, temperature, topK, topP, repetitionPenalty } = sampling;
  let x = logits;
  if (seen && repetitionPenalty !== 1) x = jax.numpy.where(seen, penalised(x, repetitionPenalty), x);
  if (!doSample) return x;
  if (temperature !== 1) x = x.div(temperature);
  if (topK > 0 && topK < x.shape[1]) x = keepTopK(x, topK);
  if (topP < 1) x = keepTopP(x, topP);
  return x;
}

/** Once for each token, however often it occurred. */
const penalised = (x: jax.Array, penalty: number): jax.Array =>
  jax.numpy.where(x.less(0), x.mul(penalty), x.div(penalty));

/** Drops what is less than the k-th largest: all that equal it stay. */
function keepTopK(x: jax.Array, k: number): jax.Array {
  const [largest] = jax.lax.topK(x, k);
  return jax.numpy.where(x.less(largest.slice(":", jax.slice(k - 1, k))), -Infinity, x);
}

/** Drops the least likely tokens whose probabilities add up to 1 − p or less; the likeliest stays. */
function keepTopP(x: jax.Array, p: number): jax.Array {
  const [batch, vocabSize] = x.shape;
  const places = jax.numpy.broadcastTo(jax.numpy.arange(vocabSize, { dtype: "int32" }), x.shape);
  const [ascending, tokens] = jax.lax.sortKeyVal(x, places);
  const mass = jax.nn.softmax(ascending, { axis: -1 }).cumsum({ axis: -1 });
  const isLast = jax.numpy.arange(vocabSize, { dtype: "int32" }).equal(vocabSize - 1);
  const kept = mass.greater(1 - p).or(isLast);
  const rows = jax.numpy.arange(batch, { dtype: "int32" }).reshape(batch, 1);
  return jax.numpy
    .full(x.shape, -Infinity, { dtype: "float32" })
    .at(rows, tokens)
    .set(jax.numpy.where(kept, ascending, -Infinity), { uniqueIndices: true });
}

/**
 * The next token of each row, int32 `[B]`: the likeliest, or one drawn.
 * @param key for drawing; each step wants another
 */
export function chooseTokens(
  logits: jax.Array,
  seen: jax.Array | null,
  sampling: Sampling,
  key: jax.random.Key,
): jax.Array {
  const processed = processLogits(logits, seen, sampling);
  return sampling.doSample
    ? jax.random.categorical(key, processed, { axis: -1 })
    : processed.argmax({ axis: -1 }).astype("int32");
}

/** `seen` with each row's tokens. @param ids int32 `[B,T]` @param counts tokens of each row that count, int32 `[B]`; all if absent */
export function markSeen(seen: jax.Array, ids: jax.Array, counts?: jax.Array): jax.Array {
  const [batch, width] = ids.shape;
  const rows = jax.numpy.arange(batch, { dtype: "int32" }).reshape(batch, 1);
  const places = jax.numpy.arange(width, { dtype: "int32" }).reshape(1, width);
  // Behind a row's end stands padding: a place beyond the vocabulary is dropped.
  const counted = counts ? jax.numpy.where(places.less(counts.reshape(batch, 1)), ids, seen.shape[1]) : ids;
  return seen.at(rows, counted).set(true);
}
