import { join } from "node:path";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  chooseTokens,
  kindOf,
  markSeen,
  processLogits,
  type Sampling,
  type SamplingKind,
  type SamplingSettings,
  settingsOf,
} from "../../packages/models/src/generate/sampling.ts";
import "../setup.ts";
import { fixtures, openTensors, readGolden } from "./golden.ts";

const off: Sampling = { doSample: true, temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };

const samplingOf = (given: Readonly<Record<string, number>>): Sampling => ({
  ...off,
  temperature: given.temperature ?? 1,
  topK: given.top_k ?? 0,
  topP: given.top_p ?? 1,
  repetitionPenalty: given.repetition_penalty ?? 1,
});

const process = jax.jit(
  (logits: jax.Array, ids: jax.Array, counts: jax.Array, settings: SamplingSettings, kind: SamplingKind) => {
    const seen = markSeen(jax.numpy.zeros(logits.shape, { dtype: "bool" }), ids, counts);
    return processLogits(logits, seen, settings, kind);
  },
  { staticArgnums: 4 },
);

/** The same settings in all rows. */
function processedAlike(logits: jax.Array, ids: jax.Array, counts: jax.Array, sampling: Sampling): jax.Array {
  const [batch, vocabSize] = logits.shape;
  const rows = new Array<Sampling>(batch).fill(sampling);
  return process(logits, ids, counts, settingsOf(rows), kindOf(rows, vocabSize));
}
const int32 = (x: readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(x as number[], { dtype: "int32" });

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i], expected[i]];
    assert.ok(a === e || Math.abs(a - e) <= 2e-5 * Math.max(1, Math.abs(e)), `${what}: ${a} at ${i}, not ${e}`);
  }
}

const rowsOf = (values: ArrayLike<number>, [, rows, size]: readonly number[], step: number): Float32Array =>
  Float32Array.from({ length: rows * size }, (_, i) => values[step * rows * size + i]);

for (const name of ["glm-tiny", "glm4_moe_lite-tiny"])
  test(`processed logits of ${name} are those of transformers`, async () => {
    const folder = join(fixtures, name);
    const golden = readGolden(folder);
    const tensors = await openTensors(folder);
    for (const caseName of ["batch2", "single"] as const) {
      const { input_ids, attention_mask, greedy, processed } = golden.cases[caseName];
      const raw = await tensors.read(`${caseName}.f32.decode_logits`);
      // One width for all steps, so that one program serves them.
      const width = input_ids[0].length + 24;
      for (const { tensor, setting, step } of processed) {
        const rows = input_ids.map((row, b) => [
          ...row.slice(attention_mask[b].indexOf(1)),
          ...greedy.f32[b].slice(0, step),
        ]);
        const ids = rows.map((row) => [...row, ...new Array<number>(width - row.length).fill(0)]);
        const logits = jax.numpy.array(rowsOf(raw.values, raw.shape, step)).reshape(...raw.shape.slice(1));
        const counts = int32(rows.map((row) => row.length));
        const actual = processedAlike(logits, int32(ids), counts, samplingOf(setting));
        assertClose(await actual.data(), (await tensors.read(tensor)).values, `${tensor} ${JSON.stringify(setting)}`);
      }
    }
    await tensors.close();
  });

test("ties with the k-th stay, the likeliest always stays, repeated tokens are penalised once", async () => {
  const folder = join(fixtures, "glm-tiny");
  const tensors = await openTensors(folder);
  const scores = await tensors.read("ties.scores");
  const { input_ids } = readGolden(folder).processor_ties;
  const run = async (rows: number, setting: Partial<Sampling>): Promise<ArrayLike<number>> => {
    const logits = jax.numpy.array(Float32Array.from(scores.values).subarray(0, rows * 8)).reshape(rows, 8);
    const ids = input_ids.slice(0, rows);
    return processedAlike(logits, int32(ids), int32(ids.map((row) => row.length)), { ...off, ...setting }).data();
  };
  const expected = async (key: string): Promise<ArrayLike<number>> => (await tensors.read(`ties.${key}`)).values;
  assertClose(await run(2, { repetitionPenalty: 2 }), await expected("repetition_penalty_2"), "penalty");
  assertClose(await run(2, { topK: 3 }), await expected("top_k_3"), "top-k");
  assertClose(await run(1, { topP: 0 }), await expected("top_p_0"), "top-p 0");
  assertClose(await run(1, { topP: 0.6 }), await expected("top_p_0.6"), "top-p 0.6");
  await tensors.close();
});

test("each row has settings of its own", async () => {
  const folder = join(fixtures, "glm-tiny");
  const tensors = await openTensors(folder);
  const scores = Float32Array.from((await tensors.read("ties.scores")).values).subarray(0, 8);
  const logits = jax.numpy.broadcastTo(jax.numpy.array(scores), [4, 8]);
  const ids = int32([[0], [0], [0], [0]]);
  const rows: readonly Sampling[] = [
    { ...off, doSample: false, temperature: 7 },
    { ...off, topK: 3 },
    { ...off, topP: 0.6 },
    off,
  ];
  const actual = await process(logits, ids, int32([0, 0, 0, 0]), settingsOf(rows), kindOf(rows, 8)).data();
  const topK = (await tensors.read("ties.top_k_3")).values.slice(0, 8);
  const topP = (await tensors.read("ties.top_p_0.6")).values.slice(0, 8);
  assertClose(actual, [...scores, ...topK, ...topP, ...scores], "rows");
  await tensors.close();
});

test("NaN and infinite logits give no token, whatever the way to choose", async () => {
  const { NaN: nan, NEGATIVE_INFINITY: never, POSITIVE_INFINITY: always } = Number;
  const logits = jax.numpy.array([
    [1, 2, nan, 3],
    [1, always, 2, 3],
    [never, never, never, never],
    [nan, nan, nan, nan],
    [1, never, 4, 2],
  ]);
  for (const sampling of [{ ...off, doSample: false }, off, { ...off, topK: 2 }, { ...off, topP: 0.5 }]) {
    const rows = new Array<Sampling>(5).fill(sampling);
    const tokens = chooseTokens(logits, null, settingsOf(rows), kindOf(rows, 4), jax.random.key(0));
    const [nans, infinite, none, all, fine] = (await tokens.toList()) as number[];
    assert.equal([nans, infinite, none, all], [-1, -1, -1, -1], JSON.stringify(sampling));
    assert.ok(fine >= 0 && fine !== 1, `${fine}`);
  }
});

test("tokens are drawn as often as they are likely, and by a seed alone", async () => {
  const [draws, probabilities] = [4096, [0.5, 0.3, 0.2, 0]];
  const logits = jax.numpy.broadcastTo(jax.numpy.array(probabilities.map(Math.log)), [draws, 4]);
  const rows = new Array<Sampling>(draws).fill(off);
  const settings = settingsOf(rows);
  const draw = jax.jit((x: jax.Array, key: jax.Array) => chooseTokens(x, null, settings, kindOf(rows, 4), key));
  const tokens = [...(await draw(logits, jax.random.prngKey(7)).data())];
  probabilities.forEach((p, token) => {
    const share = tokens.filter((x) => x === token).length / draws;
    // Five standard deviations.
    assert.ok(Math.abs(share - p) <= 5 * Math.sqrt((p * (1 - p)) / draws), `${token}: ${share}, not ${p}`);
  });
  assert.equal([...(await draw(logits, jax.random.prngKey(7)).data())], tokens);
  assert.not.equal([...(await draw(logits, jax.random.prngKey(8)).data())], tokens);
});

test.run();
