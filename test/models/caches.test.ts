import { join } from "node:path";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseConfig } from "../../packages/models/src/config/config.ts";
import { capacityFor, chunkWidths } from "../../packages/models/src/generate/session.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { MixtureOfExperts } from "../../packages/models/src/layers/moe.ts";
import { type Caches, type CausalLM, makeCaches } from "../../packages/models/src/model.ts";
import "../setup.ts";
import { fixtures, loadModel } from "./golden.ts";

const int32 = (x: readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(x as number[], { dtype: "int32" });

const full = jax.jit((model: CausalLM, ids: jax.Array) => model.logits(model.call(ids)));
const first = jax.jit(
  (caches: Caches, model: CausalLM, ids: jax.Array) => ({ logits: model.logits(model.call(ids, { caches })), caches }),
  { donateArgnums: 0 },
);
const cached = jax.jit(
  (caches: Caches, model: CausalLM, ids: jax.Array, start: jax.Array) => ({
    logits: model.logits(model.call(ids, { start, caches })),
    caches,
  }),
  { donateArgnums: 0 },
);

// The classes' defaults are the sizes of GLM-4-9B and Flash.
for (const [type, what, sizeBytes] of [
  ["glm", "keys and values", 40 * 2 * 2 * 128 * 2],
  ["glm4_moe_lite", "latents", 47 * (512 + 64) * 2],
] as const)
  test(`caches of ${type} hold ${what}: ${sizeBytes} bytes a token`, () => {
    const caches = makeCaches(parseConfig(`{"model_type":"${type}"}`), { batch: 1, capacity: 1, dtype: "bfloat16" });
    const held = jax.tree.leaves<jax.Array>(caches).map(({ size, dtype }) => (dtype === "bfloat16" ? 2 : 4) * size);
    assert.is(
      held.reduce((a, b) => a + b, 0),
      sizeBytes,
    );
  });

test("logits of the absorbed form, in chunks, token by token and all at once, are those of the expanded form", async () => {
  const { model } = await loadModel(join(fixtures, "glm4_moe_lite-tiny"), "float32");
  const { vocabSize } = model.config;
  const ids = [0, 1].map((b) => Array.from({ length: 12 }, (_, i) => (i * 31 + b * 17 + 3) % vocabSize));
  const expected = await full(model, int32(ids)).data();
  const check = async (logits: jax.Array): Promise<void> => {
    const actual = await logits.data();
    const off = Math.max(...actual.map((x, i) => Math.abs(x - expected[i])));
    const largest = Math.max(...expected.map(Math.abs));
    assert.ok(off <= 2e-5 * largest, `off by ${off}, largest ${largest}`);
  };
  const size = { batch: 2, capacity: 16, dtype: "float32" } as const;
  let run = first(makeCaches(model.config, size), model, int32(ids.map((row) => row.slice(0, 4))));
  const parts = [run.logits];
  for (const [from, to] of [
    [4, 8],
    [8, 9],
    [9, 10],
    [10, 11],
    [11, 12],
  ]) {
    run = cached(run.caches, model, int32(ids.map((row) => row.slice(from, to))), int32([from, from]));
    parts.push(run.logits);
  }
  await check(jax.numpy.concatenate(parts, 1));
  await check(cached(makeCaches(model.config, size), model, int32(ids), int32([0, 0])).logits);
});

test("prompts of all lengths need six widths of chunks, and requests of like sizes share capacities", () => {
  assert.equal(chunkWidths(1), [16]);
  assert.equal(chunkWidths(1100), [512, 512, 128]);
  assert.equal([1, 64, 65, 1024, 1025].map(capacityFor), [64, 64, 128, 1024, 2048]);
  const widths = new Set(Array.from({ length: 5000 }, (_, i) => chunkWidths(i + 1)).flat());
  assert.equal(
    [...widths].sort((a, b) => a - b),
    [16, 32, 64, 128, 256, 512],
  );
});

test("prompts of other lengths run on the programs of the first one, and a decode step is two launches", async () => {
  const model = await LanguageModel.load(join(fixtures, "glm-tiny"), { dtype: "float32" });
  const generate = async (length: number, maxNewTokens: number): Promise<void> => {
    const prompt = Array.from({ length }, (_, i) => i + 1);
    for await (const _ of model.generate([prompt], { doSample: false, maxNewTokens, eosTokenIds: [], stepsAhead: 0 }));
  };
  await generate(3, 4);
  const counted = async (length: number, maxNewTokens: number) => {
    const before = { ...jax.statistics() };
    await generate(length, maxNewTokens);
    const after = jax.statistics();
    return {
      pipelines: after.pipelinesCreated - before.pipelinesCreated,
      launches: after.launches - before.launches,
    };
  };
  const few = await counted(7, 4);
  const many = await counted(16, 24);
  assert.is(few.pipelines + many.pipelines, 0);
  assert.is(many.launches - few.launches, 2 * 20);
  model.dispose();
});

/** Bytes of temporaries of one mixture of experts as wide as Flash's, planned and not run. */
async function moeTemporaries(tokens: number, nRoutedExperts: number): Promise<number> {
  await jax.ready();
  const config = parseConfig('{"model_type":"glm4_moe_lite"}');
  if (config.modelType !== "glm4_moe_lite") throw new Error("has another type");
  const moe = new MixtureOfExperts({ ...config, nRoutedExperts }, "bfloat16");
  const x = new jax.ShapeDtypeStruct([1, tokens, config.hiddenSize], "bfloat16") as unknown as jax.Array;
  const { arenas } = jax
    .jit((m: MixtureOfExperts, x: jax.Array) => m.call(x))
    .lower(moe, x)
    .program();
  return arenas.reduce((a, b) => a + b, 0);
}

test("decoding copies no weights of experts", async () => {
  // The four that are chosen have 75 MB.
  const oneMatrix = 2048 * 1536 * 2;
  assert.ok((await moeTemporaries(1, 64)) < oneMatrix / 10);
});

test("what a mixture of experts needs for a prompt follows its tokens, and not experts × tokens", async () => {
  const [few, many, longer] = [
    await moeTemporaries(256, 8),
    await moeTemporaries(256, 64),
    await moeTemporaries(512, 64),
  ];
  // Scores of all experts, and some words beside them; a state for each expert and token would be 2048 wide.
  assert.ok(many - few <= 256 * 56 * 16, `${many} bytes with 64 experts, ${few} with 8`);
  assert.ok(longer <= 2.1 * many, `${longer} bytes for 512 tokens, ${many} for 256`);
  // Of each token, k gates and ups in float32 and k inputs and results of experts.
  assert.ok(longer <= 512 * 4 * (2 * 1536 + 2 * 2048) * 4, `${longer} bytes`);
});

test.run();
