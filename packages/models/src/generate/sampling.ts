/** From logits to the next token, in the order and by the definitions of transformers. */
import * as jax from "jaxscale";
import type { GenerationConfig } from "../config/generation.ts";
import { laidOut, type ModelMesh } from "../parallel/model-mesh.ts";

export type Sampling = Pick<GenerationConfig, "doSample" | "temperature" | "topK" | "topP" | "repetitionPenalty">;

/** Settings of each row, on the device, `[B]` each: other values need no other program. */
export interface SamplingSettings {
  /** bool; the likeliest token where false. */
  readonly doSample: jax.Array;
  /** float32, above 0. */
  readonly temperature: jax.Array;
  /** int32; 0: all tokens. */
  readonly topK: jax.Array;
  /** float32, 1 − top-p: the share of the probability that is dropped at most. */
  readonly droppedMass: jax.Array;
  /** float32 */
  readonly repetitionPenalty: jax.Array;
}

/** What a program that chooses has to be able to do; part of its identity. */
export interface SamplingKind {
  /** Whether any row draws. */
  readonly draws: boolean;
  /** No row has a larger top-k; 0 if no row has one. */
  readonly largestTopK: number;
  readonly filtersTopP: boolean;
}

/** Whether tokens that occurred have to be known. */
export const needsSeen = ({ repetitionPenalty }: Sampling): boolean => repetitionPenalty !== 1;

export const settingsOf = (rows: readonly Sampling[]): SamplingSettings => {
  const float32 = (of: (row: Sampling) => number) => jax.numpy.array(rows.map(of), { dtype: "float32" });
  return {
    doSample: jax.numpy.array(
      rows.map(({ doSample }) => doSample),
      { dtype: "bool" },
    ),
    temperature: float32(({ temperature }) => temperature),
    topK: jax.numpy.array(
      rows.map(({ topK }) => topK),
      { dtype: "int32" },
    ),
    droppedMass: float32(({ topP }) => 1 - topP),
    repetitionPenalty: float32(({ repetitionPenalty }) => repetitionPenalty),
  };
};

// Similar top-k share a program.
const smallestTopK = 64;

export function kindOf(rows: readonly Sampling[], vocabSize: number): SamplingKind {
  const drawing = rows.filter(({ doSample }) => doSample);
  // As many as there are tokens drop nothing.
  const topK = Math.max(0, ...drawing.map((row) => (row.topK < vocabSize ? row.topK : 0)));
  const rounded = 2 ** Math.ceil(Math.log2(Math.max(topK, smallestTopK)));
  return {
    draws: drawing.length > 0,
    largestTopK: topK === 0 ? 0 : Math.min(rounded, vocabSize),
    filtersTopP: drawing.some(({ topP }) => topP < 1),
  };
}

/** A setting of each row beside its logits. */
const column = (setting: jax.Array): jax.Array => jax.numpy.expandDims(setting, 1);

/**
 * Logits that decide: the penalty always, the other settings only where tokens are drawn. What is dropped is -∞.
 * @param logits float32 `[B,V]` @param seen bool `[B,V]`: which tokens the row holds; needed for a penalty
 */
export function processLogits(
  logits: jax.Array,
  seen: jax.Array | null,
  settings: SamplingSettings,
  kind: SamplingKind,
  mesh: ModelMesh | null = null,
): jax.Array {
  const { doSample, temperature, topK, droppedMass, repetitionPenalty } = settings;
  const allowed = seen ? jax.numpy.where(seen, penalised(logits, column(repetitionPenalty)), logits) : logits;
  if (!kind.draws) return allowed;
  let x = allowed.div(column(temperature));
  if (kind.largestTopK > 0) x = keepTopK(x, topK, kind.largestTopK);
  // The order is of the whole vocabulary: gathered once here, everything behind it is at hand.
  if (kind.filtersTopP) x = keepTopP(laidOut(x, ["batch", null], mesh), droppedMass);
  return jax.numpy.where(column(doSample), x, allowed);
}

/** Once for each token, however often it occurred. */
const penalised = (x: jax.Array, penalty: jax.Array): jax.Array =>
  jax.numpy.where(x.less(0), x.mul(penalty), x.div(penalty));

/** Drops what is less than the k-th largest: all that equal it stay. @param k int32 `[B]`, at most `largest`, or at least V */
function keepTopK(x: jax.Array, k: jax.Array, largest: number): jax.Array {
  const [top] = jax.lax.topK(x, largest);
  const threshold = jax.numpy.takeAlongAxis(top, column(k.sub(1).clip(0, largest - 1)), { axis: 1 });
  const drops = column(k.greater(0).and(k.less(x.shape[1])));
  return jax.numpy.where(drops.and(x.less(threshold)), -Infinity, x);
}

/** Drops the least likely tokens whose probabilities add up to the mass or less; the likeliest stays. @param mass float32 `[B]` */
function keepTopP(x: jax.Array, mass: jax.Array): jax.Array {
  const [batch, vocabSize] = x.shape;
  const places = jax.numpy.broadcastTo(jax.numpy.arange(vocabSize, { dtype: "int32" }), x.shape);
  const [ascending, tokens] = jax.lax.sortKeyVal(x, places);
  const sums = jax.nn.softmax(ascending, { axis: -1 }).cumsum({ axis: -1 });
  const isLast = jax.numpy.arange(vocabSize, { dtype: "int32" }).equal(vocabSize - 1);
  const kept = sums
    .greater(column(mass))
    .or(isLast)
    .or(column(mass.lessEqual(0)));
  const rows = jax.numpy.arange(batch, { dtype: "int32" }).reshape(batch, 1);
  return jax.numpy
    .full(x.shape, -Infinity, { dtype: "float32" })
    .at(rows, tokens)
    .set(jax.numpy.where(kept, ascending, -Infinity), { uniqueIndices: true });
}

/** In place of a token where logits are NaN or infinite. */
export const noToken = -1;

/**
 * The next token of each row, int32 `[B]`: the likeliest, or one drawn; `noToken` for logits that give none.
 * @param key for drawing; each step wants another
 */
export function chooseTokens(
  logits: jax.Array,
  seen: jax.Array | null,
  settings: SamplingSettings,
  kind: SamplingKind,
  key: jax.random.Key,
  mesh: ModelMesh | null = null,
): jax.Array {
  const processed = processLogits(logits, seen, settings, kind, mesh);
  const likeliest = processed.argmax({ axis: -1 }).astype("int32");
  const token = kind.draws
    ? jax.numpy.where(settings.doSample, jax.random.categorical(key, processed, { axis: -1 }), likeliest)
    : likeliest;
  // NaN wins every comparison and so does +∞: if there is one, it is chosen.
  const chosen = jax.numpy.takeAlongAxis(logits, column(token), { axis: 1 }).squeeze(1);
  return jax.numpy.where(jax.numpy.isfinite(chosen), token, noToken).astype("int32");
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
