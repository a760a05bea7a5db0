/** `warmup`: what it compiles is all that generation needs. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GenerateOptions } from "../../packages/models/src/generate/generate.ts";
import { LanguageModel } from "../../packages/models/src/index.ts";
import { fixture } from "./fixtures.ts";

process.env.JAXSCALE_DEVICES = "2";

/** Functions traced and compiled, and pipelines made, by a generation. */
async function compiledBy(model: LanguageModel, prompts: readonly number[][], options: GenerateOptions) {
  const before = jax.statistics().pipelinesCreated;
  const recording = await jax.profiler.record(
    async () => {
      for await (const _ of model.generate(prompts, options));
    },
    { roofs: false },
  );
  return {
    pipelines: jax.statistics().pipelinesCreated - before,
    programs: recording
      .data()
      .host.filter(({ phase }) => ["trace", "lower", "compile"].includes(phase))
      .map(({ phase, name }) => `${phase} ${name}`),
  };
}

const nothing = { pipelines: 0, programs: [] };
const prompts = [Array.from({ length: 20 }, (_, i) => 3 * i + 1), [5, 6, 7]];
const sizes = { batch: 2, promptTokens: 20, newTokens: 6 };
const greedy = { doSample: false, maxNewTokens: 6 } as const;

const ways: readonly (readonly [name: string, options: Omit<GenerateOptions, "maxNewTokens">])[] = [
  ["greedy", { doSample: false, eosTokenIds: [1, 2, 3, 4, 5, 6, 7, 8, 9] }],
  ["without caches", { doSample: false, useCache: false }],
  ["sampling with a penalty", { doSample: true, topK: 5, topP: 0.9, repetitionPenalty: 1.1, seed: 3 }],
];
const full = process.env.JAXSCALE_FULL === "1";
for (const [name, options] of full ? ways : ways.slice(0, 2))
  test(`the first generation behind a warm-up compiles nothing: ${name}`, async () => {
    const model = await LanguageModel.load(fixture("glm4_moe_lite-tiny"));
    await model.warmup({ ...sizes, ...options });
    assert.equal(await compiledBy(model, prompts, { ...options, maxNewTokens: 6 }), nothing);
    model.dispose();
  });

test("nor on a mesh", async () => {
  const model = await LanguageModel.load(fixture("glm4-tiny"), { parallelism: { tp: 2 } });
  await model.warmup({ ...sizes, doSample: false });
  assert.equal(await compiledBy(model, prompts, greedy), nothing);
  model.dispose();
});

test("without a warm-up it compiles; impossible sizes are refused", async () => {
  const model = await LanguageModel.load(fixture("glm4-tiny"));
  const { programs } = await compiledBy(model, prompts, greedy);
  assert.ok(programs.includes("trace decode"), programs.join());
  const refused = async (options: Parameters<LanguageModel["warmup"]>[0]): Promise<string> =>
    model.warmup(options).then(
      () => "nothing",
      (error: unknown) => String(error),
    );
  assert.match(await refused({ promptTokens: 0, newTokens: 1 }), /RangeError: warmup: promptTokens must be .* got 0/);
  assert.match(await refused({ promptTokens: 8, newTokens: 1e6 }), /must fit the model's \d+ positions; got 1000008/);
  model.dispose();
});

test.run();
