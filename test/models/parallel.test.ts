/** Models on meshes: which numbers of devices are refused, and the tokens of the others. */
process.env.JAXSCALE_DEVICES = "8";

import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseConfig } from "../../packages/models/src/config/config.ts";
import { parseGenerationConfig } from "../../packages/models/src/config/generation.ts";
import { generationPrograms } from "../../packages/models/src/cost/planned-programs.ts";
import type { GenerateOptions } from "../../packages/models/src/generate/generate.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { modelMesh, type Parallelism } from "../../packages/models/src/parallel/parallelism.ts";
import "../setup.ts";
import { fixture } from "./fixtures.ts";
import { readGolden } from "./golden.ts";

const nineB = parseConfig(JSON.stringify({ model_type: "glm4" }));
const flash = parseConfig(JSON.stringify({ model_type: "glm4_moe_lite" }));
const axesOf = (config: typeof nineB, parallelism: Parallelism) =>
  Object.fromEntries(modelMesh(config, parallelism)?.mesh.shape ?? []);

test("a mesh has the axes that have several devices; devices that share a key and value head are an axis", () => {
  assert.is(modelMesh(nineB, {}), null);
  assert.equal(axesOf(nineB, { tp: 2, dp: 2 }), { data: 2, tensor: 2 });
  assert.equal(axesOf(nineB, { tp: 8 }), { tensor: 2, group: 4 });
  assert.equal(axesOf(flash, { tp: 4, ep: 2 }), { expert: 2, tensor: 4 });
  assert.equal(modelMesh(nineB, { tp: 8 })?.rules.kv_heads, ["tensor"]);
});

test("numbers of devices that do not divide the model are refused with those that do", () => {
  assert.throws(
    () => modelMesh(flash, { tp: 8 }),
    /tp must divide num_attention_heads 20, .*vocab_size 154880; got 8\. These do: 1, 2, 4$/,
  );
  assert.throws(() => modelMesh(nineB, { tp: 3 }), /divide num_key_value_heads 2 or be a multiple of it; got 3/);
  assert.throws(
    () => modelMesh(flash, { ep: 3 }),
    /ep must divide n_routed_experts 64; got 3\. These do: 1, 2, 4, 8, 16/,
  );
  assert.throws(() => modelMesh(nineB, { ep: 2 }), /ep must be 1, for the model has nothing to split so; got 2/);
  assert.throws(() => modelMesh(nineB, { tp: 8, dp: 2 }), /Need 16 \(data=2, tensor=2, group=4\), 8 available/);
});

/** What a program of a generation says of one device. */
function partitioned(
  name: string,
  config: typeof nineB,
  parallelism: Parallelism,
  { batch = 1, ...options }: GenerateOptions & { readonly batch?: number } = {},
): string {
  const programs = generationPrograms({
    config,
    generation: parseGenerationConfig("{}", config),
    dtype: "bfloat16",
    options: { doSample: false, repetitionPenalty: 1, ...options },
    parallelism,
    batch,
    promptTokens: 16,
    maxNewTokens: 16,
  });
  return programs.find((program) => program.name === name)?.asText("partitioned") ?? "";
}

/** Collectives of the decode program: their name, dtype and mesh axes, with their number. */
function collectivesOf(config: typeof nineB, parallelism: Parallelism, batch = 1): Readonly<Record<string, number>> {
  const text = partitioned("decode", config, parallelism, { batch });
  const counts: Record<string, number> = {};
  const sums = /:([a-z]+\d+)\[[^\]]*\] = (psum|pmax|pmin)\[\s*axes=\(([^)]*)\)/g;
  for (const [, dtype, name, axes] of text.matchAll(sums)) {
    const key = `${name} ${dtype} over ${axes.replaceAll(/'|,$/g, "")}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  for (const name of ["all_gather", "all_to_all", "ppermute", "reduce_scatter"]) assert.not.match(text, ` ${name}[`);
  return counts;
}

const layersOf = (modelType: string, layers: number) =>
  parseConfig(JSON.stringify({ model_type: modelType, num_hidden_layers: layers }));

test("a decoding step of GLM-4 sums twice a layer over devices, once for the embedding, and moves nothing else", () => {
  for (const type of ["glm", "glm4"])
    for (const layers of [2, 5]) {
      const config = layersOf(type, layers);
      const sums = (axes: string) => ({ [`psum u16 over ${axes}`]: 1, [`psum f32 over ${axes}`]: 2 * layers });
      assert.equal(collectivesOf(config, { tp: 2 }), sums("tensor"));
      assert.equal(collectivesOf(config, { tp: 8 }), sums("tensor, group"));
      assert.equal(collectivesOf(config, { tp: 2, dp: 2 }, 4), sums("tensor"));
      assert.equal(collectivesOf(config, { dp: 4 }, 4), {});
    }
});

test("a decoding step of Flash sums for attention, and for MLP or experts, where routed and shared ones are summed at once unless routed ones are over experts too", () => {
  // The first layer is dense.
  for (const sparse of [1, 3]) {
    const config = layersOf("glm4_moe_lite", 1 + sparse);
    const tensor = (perSparse: number) => ({
      "psum u16 over tensor": 1,
      "psum f32 over tensor": 2 + perSparse * sparse,
    });
    assert.equal(collectivesOf(config, { tp: 4 }), tensor(2));
    assert.equal(collectivesOf(config, { ep: 8 }), { "psum f32 over expert": sparse });
    assert.equal(collectivesOf(config, { tp: 2, dp: 2, ep: 2 }, 2), { ...tensor(3), "psum f32 over expert": sparse });
  }
});

test("a choice over a split vocabulary gathers what it has to order, and no logits otherwise", () => {
  const config = layersOf("glm4", 1);
  const gathered = (name: string, options: GenerateOptions): readonly string[] =>
    [...partitioned(name, config, { tp: 2 }, options).matchAll(/:(\w+\[[^\]]*\]) = all_\w+\[/g)].map(
      ([, type]) => type,
    );
  assert.equal(gathered("choose_likeliest", {}), []);
  assert.equal(gathered("choose_likeliest", { repetitionPenalty: 1.2 }), []);
  assert.equal(gathered("choose_drawn", { doSample: true, topK: 0, topP: 1 }), []);
  assert.equal(gathered("choose_drawn", { doSample: true, topK: 50, topP: 1 }), ["f32[1,128]"]);
  assert.equal(gathered("choose_drawn", { doSample: true, topK: 0, topP: 0.8 }), ["f32[1,151552]"]);
});

test("drawn tokens are those of one device", async () => {
  const drawn = async (parallelism: Parallelism): Promise<number[][]> => {
    const model = await LanguageModel.load(fixture("glm-tiny"), { dtype: "float32", parallelism });
    const options = { doSample: true, topK: 40, topP: 0.9, repetitionPenalty: 1.1, temperature: 2, seed: 7 };
    const steps: number[][] = [];
    for await (const { tokens } of model.generate(
      [
        [1, 2, 3],
        [4, 5],
      ],
      { ...options, maxNewTokens: 12, eosTokenIds: [] },
    ))
      steps.push([...tokens]);
    model.dispose();
    return steps;
  };
  assert.equal(await drawn({ tp: 2, dp: 2 }), await drawn({}));
});

/** Greedy tokens of the reference, from prompts of several lengths. */
const tokensOn = (name: string, parallelism: Parallelism): void =>
  test(`greedy tokens of ${name} on ${JSON.stringify(parallelism)} are those of transformers`, async () => {
    const { input_ids, attention_mask, greedy } = readGolden(fixture(name)).cases.batch2;
    const model = await LanguageModel.load(fixture(name), { dtype: "float32", parallelism });
    const prompts = input_ids.map((row, b) => row.slice(attention_mask[b].indexOf(1)));
    const rows: number[][] = prompts.map(() => []);
    for await (const { tokens } of model.generate(prompts, { doSample: false, maxNewTokens: 24, eosTokenIds: [] }))
      tokens.forEach((token, row) => {
        rows[row].push(token);
      });
    assert.equal(rows, greedy.f32);
    model.dispose();
  });

tokensOn("glm-tiny", { tp: 2 });

test.run();
