/** What a token costs, against figures that were worked out by hand from the sizes of the published models. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseConfig } from "../../packages/models/src/config/config.ts";
import { StepCost } from "../../packages/models/src/cost/step-cost.ts";
import { CausalLM } from "../../packages/models/src/model.ts";
import { type QuantizeOptions, quantizeModel } from "../../packages/models/src/quantize-model.ts";
import { parseScheme } from "../../packages/models/src/weights/quantized/scheme.ts";

/** Sizes that a file does not give are those of the published models. */
const costOf = (config: Readonly<Record<string, unknown>>): StepCost =>
  new StepCost(new CausalLM(parseConfig(JSON.stringify(config)), "bfloat16"));

const vocabulary = 151552 * 4096;
// q, k, v with biases; o; gate and up; down; two norms.
const glmLayer = (4096 + 2 * 256) * 4097 + 4096 * 4096 + 3 * 4096 * 13696 + 2 * 4096;

test("GLM-4-9B has 9.40 G parameters, and multiplies a token with all but the embedding", () => {
  const cost = costOf({ model_type: "glm" });
  const all = 2 * vocabulary + 40 * glmLayer + 4096;
  assert.is(cost.parameters, all);
  assert.is((all / 1e9).toFixed(2), "9.40");
  assert.is(cost.activeParameters, all - vocabulary);
  assert.is(cost.headParameters, vocabulary);
  assert.is(cost.weightBytes, 2 * all);
});

test("a cached token of GLM-4-9B takes 40,960 bytes, one of Flash 54,144", () => {
  assert.is(costOf({ model_type: "glm" }).cacheBytesPerToken, 40960);
  assert.is(costOf({ model_type: "glm4_moe_lite" }).cacheBytesPerToken, 54144);
});

test("a step of GLM-4-9B reads its weights but for the embedding's other rows, and the tokens that are present", () => {
  const { bytes, flops } = costOf({ model_type: "glm" }).decode([1000]);
  assert.is(bytes, 2 * (vocabulary + 40 * glmLayer + 4096 + 4096) + 1000 * 40960);
  assert.is(flops, 2 * (vocabulary + 40 * glmLayer + 4096) + 1000 * 40 * 4 * 32 * 128);
});

test("rows of a batch share the weights and not the caches", () => {
  const cost = costOf({ model_type: "glm" });
  assert.is(cost.decode([10, 20]).bytes - cost.decode([10]).bytes, 2 * 4096 + 20 * 40960);
  assert.is(cost.decode([10, 20]).flops, cost.decode([10]).flops + cost.decode([20]).flops);
});

test("a tied embedding is read as the head", () => {
  const cost = costOf({ model_type: "glm", tie_word_embeddings: true });
  assert.is(cost.parameters, vocabulary + 40 * glmLayer + 4096);
  assert.is(cost.activeParameters, cost.parameters);
  assert.is(cost.weightBytesRead(1), cost.weightBytes);
});

test("prompt tokens attend to those before them and themselves; head, last norm and what the last layer does behind keys and values only the last one needs", () => {
  const { flops } = costOf({ model_type: "glm" }).prefill(512);
  const pairs = (512 * 513) / 2;
  const keys = 2 * 256 * 4097 + 4096;
  const perToken = 39 * glmLayer + keys;
  const once = glmLayer - keys + 4096 + vocabulary;
  assert.is(flops, 2 * 512 * perToken + 2 * once + (39 * pairs + 512) * 4 * 32 * 128);
});

const expert = 3 * 2048 * 1536;
const flashAttention = 2048 * 768 + 768 + 768 * 20 * 256 + 2048 * 576 + 512 + 512 * 20 * 448 + 20 * 256 * 2048;
const flashDense = flashAttention + 3 * 2048 * 10240 + 2 * 2048;
// Router with its bias, the shared expert; the routed ones apart.
const flashSparse = flashAttention + 64 * 2048 + 64 + expert + 2 * 2048;

test("Flash has 29.9 G parameters, of which 3.6 G take part in a token", () => {
  const cost = costOf({ model_type: "glm4_moe_lite" });
  const without = 154880 * 2048 + flashDense + 46 * flashSparse + 2048;
  assert.is(cost.parameters, 154880 * 2048 + without + 46 * 64 * expert);
  assert.is((cost.parameters / 1e9).toFixed(1), "29.9");
  assert.is(cost.activeParameters, without + 46 * 4 * expert);
  assert.is((cost.activeParameters / 1e9).toFixed(1), "3.6");
});

test("a step of Flash reads 4 experts a layer for a token, and never more than there are", () => {
  const cost = costOf({ model_type: "glm4_moe_lite" });
  const experts = (count: number): number => 46 * count * expert * 2;
  assert.is(cost.weightBytesRead(2) - cost.weightBytesRead(1), experts(4) + 2 * 2048);
  assert.is(cost.weightBytesRead(17) - cost.weightBytesRead(16), 2 * 2048);
  // The bias of the router is float32.
  assert.is(cost.weightBytesRead(1), 2 * (cost.activeParameters + 2048) + 2 * 46 * 64);
});

test("latent attention costs 2 · (576 + 512) a head and cached token when absorbed, 2 · (256 + 256) when expanded", () => {
  const cost = costOf({ model_type: "glm4_moe_lite" });
  assert.is(cost.decode([101]).flops - cost.decode([100]).flops, 47 * 20 * 2 * (576 + 512));
  // Of the last layer a token more is one key more: its norm and its latent, which a first step expands.
  const without = cost.activeParameters - cost.headParameters - 2048 - (flashSparse + 4 * expert);
  const latent = 2048 + 2048 * 576 + 512;
  const linear = 2 * (without + latent);
  const [expanded, absorbed] = [20 * 2 * (256 + 256), 20 * 2 * (576 + 512)];
  assert.is(cost.prefill(2).flops - cost.prefill(1).flops, linear + 2 * 512 * 20 * 448 + (46 * 2 + 1) * expanded);
  assert.is(cost.prefill(2, 10).flops - cost.prefill(1, 10).flops, linear + (46 * 12 + 1) * absorbed);
});

/** Weights and caches of few bits. */
const quantizedCost = (config: Readonly<Record<string, unknown>>, quantize: QuantizeOptions): StepCost => {
  const model = new CausalLM(parseConfig(JSON.stringify(config)), "bfloat16", null, "int8");
  quantizeModel(model, quantize);
  return new StepCost(model);
};

test("a step of GLM-4-9B in int4 reads codes, scales and zero points, and codes with scales of the caches", () => {
  const weights = parseScheme("int4");
  const cost = quantizedCost({ model_type: "glm" }, { weights, head: weights });
  const biasesAndNorms = 40 * (4096 + 2 * 256 + 2 * 4096) + 4096;
  const matrices = 2 * vocabulary + 40 * (glmLayer - (4096 + 2 * 256 + 2 * 4096));
  // A code of 4 bits; for 32 of them a scale of 16 bits and a zero point of 4.
  const bytesOf = (elements: number): number => elements / 2 + (elements / 32) * 2.5;
  assert.is(cost.parameters, matrices + biasesAndNorms);
  assert.is(cost.weightBytes, bytesOf(matrices) + 2 * biasesAndNorms);
  assert.is(cost.cacheBytesPerToken, 40 * 2 * 2 * (128 + 4));
  const { bytes, flops } = cost.decode([1000]);
  assert.is(bytes, bytesOf(matrices - vocabulary) + bytesOf(4096) + 2 * biasesAndNorms + 1000 * 40 * 2 * 2 * 132);
  assert.is(flops, costOf({ model_type: "glm" }).decode([1000]).flops);
});

test("a token of Flash in int8 reads the codes of 4 experts a layer", () => {
  const config = { model_type: "glm4_moe_lite" };
  const cost = quantizedCost(config, { experts: parseScheme("int8") });
  const plain = costOf(config);
  // Of 46 layers 4 of 64 experts with three matrices: a byte less for each weight, a float32 scale for each row.
  const saved = 46 * 4 * (3 * 1536 * 2048 - 4 * (2 * 1536 + 2048));
  const cache = plain.cacheBytesPerToken - cost.cacheBytesPerToken;
  assert.is(plain.decode([1]).bytes - cost.decode([1]).bytes, saved + cache);
});

test.run();
