/** Compares decoding through the caches with the tokens that the reference generated. */

import { likeliest, padded } from "../token-rows.ts";
import { type Forced, ForcedDecoding } from "../verify/forced-decoding.ts";
import { errorsBetween, type Places } from "./errors.ts";
import { bfloat16, exact, judged, type Running, type TensorComparison } from "./tensor.ts";

/** Fraction of steps whose likeliest token is that of the reference. */
export interface Agreement {
  readonly agreeing: number;
  readonly total: number;
}

const name = "decode_logits";

/**
 * The input of each step is the token that the reference chose in float32. In bfloat16, logits of a mixture of experts are reported, not
 * judged: a different choice of experts changes all of them.
 */
export async function compareDecoding(
  running: Running,
): Promise<{ readonly tensor?: TensorComparison; readonly agreement?: Agreement }> {
  const { model, golden, one } = running;
  const expected = one.tensors.includes(name) ? await golden.read(one, name) : undefined;
  const chosen = one.greedy ?? (expected && stepsAsRows(expected.values, expected.shape));
  if (
    !chosen ||
    chosen.length !== one.batch ||
    chosen.some((row) => row.length !== chosen[0].length || row.length === 0)
  )
    return {};
  const logits = await forcedLogits(running, chosen);
  const { vocabSize } = model.config;
  const steps = chosen[0].length;
  let agreeing = 0;
  for (let step = 0; step < steps; step++)
    chosen.forEach((row, b) => {
      if (likeliest(logits, vocabSize, (step * one.batch + b) * vocabSize) === row[step]) agreeing++;
    });
  const agreement = { agreeing, total: steps * one.batch };
  if (!expected || expected.values.length !== logits.length) return { agreement };
  const rows = Array.from({ length: steps }, () => chosen.map((_, b) => b));
  const errors = errorsBetween(
    expected.values,
    { values: logits, atColumns: true },
    { shape: expected.shape, alongKeys: false },
    { columns: rows, counts: () => true },
  );
  const mixes = one.tensors.some((tensor) => tensor.endsWith("expert_ids"));
  const allowed = model.dtype === "float32" ? exact(errors) : bfloat16(mixes ? undefined : one.recorded[name]);
  return { tensor: judged(name, errors, allowed), agreement };
}

/** `[steps, B, V]`: the logits from which each token was chosen. */
async function forcedLogits(
  { model, one, ids }: Running,
  chosen: readonly (readonly number[])[],
): Promise<Float32Array> {
  const steps = chosen[0].length;
  const { vocabSize } = model.config;
  const logits = new Float32Array(steps * one.batch * vocabSize);
  const sequence = new ForcedDecoding(model).begin(one.batch, one.width + steps);
  const keep = async (
    step: number,
    { logits: values, experts }: Forced,
    placeOf: (row: number) => number,
  ): Promise<void> => {
    const data = (await values.data()) as Float32Array;
    const width = values.shape[1];
    ids.forEach((_, b) => {
      const from = (b * width + placeOf(b)) * vocabSize;
      logits.set(data.subarray(from, from + vocabSize), (step * one.batch + b) * vocabSize);
    });
    values.dispose();
    experts?.dispose();
  };
  await keep(0, sequence.take(padded(ids, one.width)), (b) => ids[b].length - 1);
  for (let step = 1; step < steps; step++) {
    const next = chosen.map((row) => [row[step - 1]]);
    const start = ids.map((row) => row.length + step - 1);
    await keep(step, sequence.take(next, start), () => 0);
  }
  sequence.dispose();
  return logits;
}

/** Agreement on the logits of a prompt, for a reference that generated no tokens. */
export async function agreementOf({ golden, one, columns, values }: Running, { counts }: Places): Promise<Agreement> {
  let [agreeing, total] = [0, 0];
  if (!one.tensors.includes("logits") || !values.logits) return { agreeing, total };
  const expected = await golden.read(one, "logits");
  const actual = await values.logits.data();
  const [, width, size] = expected.shape;
  columns.forEach((row, b) => {
    row.forEach((column, index) => {
      if (!counts(b, index)) return;
      total++;
      const wanted = likeliest(expected.values, size, (b * width + column) * size);
      if (likeliest(actual, size, (b * width + index) * size) === wanted) agreeing++;
    });
  });
  return { agreeing, total };
}

/** The likeliest tokens, `[B][steps]`. */
function stepsAsRows(values: ArrayLike<number>, [steps, batch, size]: readonly number[]): number[][] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: steps }, (_, step) => likeliest(values, size, (step * batch + b) * size)),
  );
}
