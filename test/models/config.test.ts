import { readFileSync } from "node:fs";
import {
  type Glm4MoeLiteConfig,
  type GlmConfig,
  modelTypes,
  parseConfig,
  parseGenerationConfig,
} from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, shipped } from "./fixtures.ts";

const glm = (more: object = {}) => parseConfig(JSON.stringify({ model_type: "glm", ...more })) as GlmConfig;
const flash = (more: object = {}) =>
  parseConfig(JSON.stringify({ model_type: "glm4_moe_lite", ...more })) as Glm4MoeLiteConfig;
const file = (folder: string, name = "config.json") => readFileSync(`${folder}/${name}`, "utf8");

test("silent files have the sizes of the architecture's class", () => {
  assert.equal(glm(), {
    modelType: "glm",
    hiddenSize: 4096,
    intermediateSize: 13696,
    numHiddenLayers: 40,
    numAttentionHeads: 32,
    numKeyValueHeads: 2,
    vocabSize: 151552,
    maxPositionEmbeddings: 131072,
    rmsNormEps: 1.5625e-7,
    attentionBias: true,
    tieWordEmbeddings: false,
    eosTokenIds: [151329, 151336, 151338],
    padTokenId: 151329,
    dtype: undefined,
    quantization: undefined,
    headDim: 128,
    rope: { theta: 10000, partialRotaryFactor: 0.5 },
    rotaryDim: 64,
  });
  const lite = flash();
  assert.equal(lite.mlpLayerTypes, ["dense", ...Array(46).fill("sparse")]);
  assert.equal(lite, {
    modelType: "glm4_moe_lite",
    hiddenSize: 2048,
    intermediateSize: 10240,
    numHiddenLayers: 47,
    numAttentionHeads: 20,
    numKeyValueHeads: 20,
    vocabSize: 154880,
    maxPositionEmbeddings: 202752,
    rmsNormEps: 1e-5,
    attentionBias: false,
    tieWordEmbeddings: false,
    eosTokenIds: [1],
    padTokenId: undefined,
    dtype: undefined,
    quantization: undefined,
    qLoraRank: 768,
    kvLoraRank: 512,
    qkNopeHeadDim: 192,
    qkRopeHeadDim: 64,
    vHeadDim: 256,
    rope: { theta: 10000, partialRotaryFactor: 1 },
    rotaryDim: 64,
    ropeInterleave: true,
    moeIntermediateSize: 1536,
    nRoutedExperts: 64,
    numExpertsPerTok: 4,
    nSharedExperts: 1,
    nGroup: 1,
    topkGroup: 1,
    normTopkProb: true,
    routedScalingFactor: 1.8,
    mlpLayerTypes: lite.mlpLayerTypes,
    numNextnPredictLayers: 1,
  });
});

test("the fixtures' files give the sizes that they state", () => {
  const tiny = parseConfig(file(fixture("glm4-tiny"))) as GlmConfig;
  assert.is(tiny.modelType, "glm4");
  assert.equal([tiny.hiddenSize, tiny.headDim, tiny.rotaryDim, tiny.vocabSize], [56, 16, 8, 160]);
  assert.equal(tiny.rope, { theta: 10000, partialRotaryFactor: 0.5 });
  assert.equal([tiny.dtype, tiny.eosTokenIds, tiny.padTokenId], ["bfloat16", [150, 2, 0], 150]);
  const lite = parseConfig(file(shipped("glm-4.7-flash-tiny"))) as Glm4MoeLiteConfig;
  assert.equal(lite.rope, { theta: 1000000, partialRotaryFactor: 1 });
  assert.equal([lite.qLoraRank, lite.kvLoraRank, lite.vHeadDim, lite.nRoutedExperts], [64, 48, 32, 8]);
  assert.is(parseConfig(file(fixture("glm-tiny"))).dtype, "bfloat16");
});

test("rope settings are taken from where they are: rope_scaling, rope_parameters, the top, the class", () => {
  const rope = (more: object) => glm(more).rope;
  assert.equal(rope({ rope_theta: 5e6 }), { theta: 5e6, partialRotaryFactor: 0.5 });
  assert.equal(rope({ rope_theta: 5e6, rope_parameters: { rope_theta: 7 } }), { theta: 7, partialRotaryFactor: 0.5 });
  assert.equal(rope({ partial_rotary_factor: 0.25, rope_parameters: { rope_type: "default" } }), {
    theta: 10000,
    partialRotaryFactor: 0.25,
  });
  assert.equal(
    rope({
      rope_scaling: { type: "default", rope_theta: 3 },
      rope_parameters: { rope_theta: 7, partial_rotary_factor: 1 },
    }),
    { theta: 3, partialRotaryFactor: 0.5 },
  );
  for (const empty of [null, {}]) assert.is(rope({ rope_scaling: empty, rope_parameters: { rope_theta: 7 } }).theta, 7);
  assert.equal(flash({ rope_parameters: { rope_theta: 1e6, partial_rotary_factor: 0.5 } }).rotaryDim, 32);
});

test("mlp_layer_types decides which layers are dense, else first_k_dense_replace", () => {
  const types = (more: object) => flash({ num_hidden_layers: 3, ...more }).mlpLayerTypes.join(" ");
  assert.is(types({}), "dense sparse sparse");
  assert.is(types({ first_k_dense_replace: 2 }), "dense dense sparse");
  assert.is(types({ first_k_dense_replace: 0 }), "sparse sparse sparse");
  assert.is(types({ first_k_dense_replace: 2, mlp_layer_types: ["sparse", "dense", "sparse"] }), "sparse dense sparse");
});

test("null means what it means in the reference", () => {
  assert.is(flash({ q_lora_rank: null }).qLoraRank, undefined);
  assert.is(glm({ num_key_value_heads: null }).numKeyValueHeads, 32);
  assert.is(glm({ head_dim: null, hidden_size: 96, num_attention_heads: 4 }).headDim, 24);
  assert.is(glm({ pad_token_id: null }).padTokenId, undefined);
  assert.equal(glm({ eos_token_id: 7 }).eosTokenIds, [7]);
  assert.is(flash({ head_dim: 64 }).qkRopeHeadDim, 64);
});

test("an unknown model_type is an error that lists the known ones", () => {
  assert.equal([...modelTypes], ["glm", "glm4", "glm4_moe_lite"]);
  assert.throws(
    () => parseConfig('{"model_type":"llama"}'),
    /^config\.json: model_type: must be one of glm, glm4, glm4_moe_lite; got "llama"$/,
  );
  assert.throws(() => parseConfig("{}"), /must be one of glm, glm4, glm4_moe_lite; got nothing/);
  assert.throws(
    () => parseConfig('{"model_type":"chatglm"}'),
    /got "chatglm"; repositories of that type hold another layout/,
  );
  assert.throws(() => parseConfig('{"model_type":"__proto__"}'), /must be one of/);
});

const refusals: readonly (readonly [() => unknown, string])[] = [
  [() => glm({ hidden_size: 0 }), "hidden_size: must be an integer, at least 1; got 0"],
  [() => glm({ hidden_size: "64" }), 'hidden_size: must be an integer, at least 1; got "64"'],
  [() => glm({ hidden_size: 1.5 }), "hidden_size: must be an integer, at least 1; got 1.5"],
  [() => glm({ num_hidden_layers: 1e9 }), "num_hidden_layers: must be an integer from 1 to 4096; got 1000000000"],
  [
    () => glm({ num_attention_heads: 4, num_key_value_heads: 3 }),
    "num_key_value_heads: must divide num_attention_heads 4; got 3",
  ],
  [
    () => glm({ head_dim: null, hidden_size: 10, num_attention_heads: 4 }),
    "hidden_size: must be a multiple of num_attention_heads 4, for head_dim is null; got 10",
  ],
  [
    () => glm({ head_dim: 6 }),
    "partial_rotary_factor: must leave an even number of the head's 6 dimensions to rotate; got 0.5, so 3",
  ],
  [
    () => glm({ partial_rotary_factor: 2 }),
    "partial_rotary_factor: must leave an even number of the head's 128 dimensions to rotate; got 2, so 256",
  ],
  [
    () => glm({ rope_scaling: { rope_type: "yarn", factor: 4 } }),
    'rope_scaling.rope_type: must be "default"; got "yarn"',
  ],
  [() => glm({ rope_parameters: [] }), "rope_parameters: must be an object; got []"],
  [() => glm({ hidden_act: "gelu" }), 'hidden_act: must be "silu"; got "gelu"'],
  [() => glm({ attention_bias: 1 }), "attention_bias: must be true or false; got 1"],
  [() => glm({ torch_dtype: "int8" }), 'torch_dtype: must be bfloat16, float16 or float32; got "int8"'],
  [
    () => glm({ quantization_config: { quant_method: "modelopt" } }),
    'quantization_config.quant_method: must be one of compressed-tensors, fp8, awq, gptq, bitsandbytes, or absent as in MLX; got "modelopt"',
  ],
  [
    () => glm({ quantization_config: { quant_method: "awq", version: "gemv", bits: 4, group_size: 128 } }),
    'quantization_config.version: must be gemm; got "gemv"',
  ],
  [
    () => glm({ quantization_config: { quant_method: "gptq", bits: 4, checkpoint_format: "marlin" } }),
    'quantization_config.checkpoint_format: must be gptq or gptq_v2; got "marlin"',
  ],
  [
    () => glm({ quantization: { group_size: 32, bits: 4, mode: "mxfp4" } }),
    'quantization.mode: must be affine; got "mxfp4"',
  ],
  [
    () => glm({ quantization_config: { quant_method: "fp8", scale_fmt: "ue8m0" } }),
    'quantization_config.scale_fmt: must be float; got "ue8m0"',
  ],
  [
    () =>
      glm({
        quantization_config: {
          quant_method: "compressed-tensors",
          format: "nvfp4-pack-quantized",
          config_groups: { group_0: { weights: { num_bits: 4 } } },
        },
      }),
    'quantization_config.config_groups.group_0.format: must be one of pack-quantized, int-quantized, float-quantized, naive-quantized; got "nvfp4-pack-quantized"',
  ],
  [() => glm({ vocab_size: 10, pad_token_id: 10 }), "pad_token_id: must be an integer from 0 to 9; got 10"],
  [() => glm({ eos_token_id: [1, "2"] }), 'eos_token_id: must be a token id or a list of them; got [1,"2"]'],
  [
    () => flash({ num_key_value_heads: 10 }),
    "num_key_value_heads: must equal num_attention_heads 20, for keys and values come from one latent; got 10",
  ],
  [() => flash({ qk_rope_head_dim: 64, head_dim: 256 }), "head_dim: must equal qk_rope_head_dim 64; got 256"],
  [() => flash({ qk_head_dim: 200 }), "qk_head_dim: must be qk_nope_head_dim + qk_rope_head_dim = 256; got 200"],
  [() => flash({ n_group: 7 }), "n_group: must divide n_routed_experts 64; got 7"],
  [
    () => flash({ n_group: 64 }),
    "n_group: must leave two experts to a group, whose sum ranks it; got 64 for 64 experts",
  ],
  [() => flash({ topk_group: 2 }), "topk_group: must be at most n_group 1; got 2"],
  [
    () => flash({ n_group: 8, num_experts_per_tok: 9 }),
    "num_experts_per_tok: must be at most the 8 experts that may be chosen; got 9",
  ],
  [() => flash({ mlp_layer_types: ["dense"] }), "mlp_layer_types: must name num_hidden_layers 47 layers; got 1"],
  [
    () => flash({ num_hidden_layers: 1, mlp_layer_types: ["moe"] }),
    'mlp_layer_types: must be "dense" or "sparse" each; got "moe"',
  ],
  [() => flash({ first_k_dense_replace: 48 }), "first_k_dense_replace: must be an integer from 0 to 47; got 48"],
  [() => parseConfig("[]"), "must be an object; got []"],
  [() => parseConfig('{"a":1,"a":2}'), "a: must occur once; got the key twice"],
  [() => parseConfig(`${"[".repeat(40)}`), "must nest at most 32 deep; got more"],
];
for (const [parse, message] of refusals)
  test(`config.json: ${message}`, () => {
    try {
      parse();
    } catch (error) {
      assert.is((error as Error).name, "CheckpointError");
      assert.is((error as Error).message, `config.json: ${message}`);
      return;
    }
    assert.unreachable();
  });

const ids = { eosTokenIds: [5, 6], padTokenId: undefined };

test("without generation_config.json the defaults of transformers hold", () => {
  assert.equal(parseGenerationConfig(undefined, ids), {
    doSample: false,
    temperature: 1,
    topK: 50,
    topP: 1,
    repetitionPenalty: 1,
    maxNewTokens: undefined,
    maxLength: 20,
    eosTokenIds: [5, 6],
    padTokenId: 5,
  });
});

test("what generation_config.json says comes before them; top-k stays 50 when it is silent", () => {
  const settings = parseGenerationConfig(file(fixture("glm-tiny"), "generation_config.json"), ids);
  assert.equal(settings, {
    doSample: true,
    temperature: 0.8,
    topK: 50,
    topP: 0.8,
    repetitionPenalty: 1,
    maxNewTokens: undefined,
    maxLength: 20,
    eosTokenIds: [307, 9, 70],
    padTokenId: 307,
  });
  const more = parseGenerationConfig('{"top_k":0,"max_new_tokens":7,"max_length":99,"eos_token_id":3}', ids);
  assert.equal([more.topK, more.maxNewTokens, more.maxLength, more.eosTokenIds, more.padTokenId], [0, 7, 99, [3], 3]);
});

for (const [text, message] of [
  ['{"temperature":0}', "temperature: must be above 0; got 0"],
  ['{"top_p":1.5}', "top_p: must be a number from 0 to 1; got 1.5"],
  ['{"top_k":-1}', "top_k: must be an integer, at least 0; got -1"],
  ['{"repetition_penalty":-2}', "repetition_penalty: must be above 0; got -2"],
  ['{"do_sample":"yes"}', 'do_sample: must be true or false; got "yes"'],
  ["7", "must be an object; got 7"],
] as const)
  test(`generation_config.json: ${message}`, () => {
    try {
      parseGenerationConfig(text, ids);
    } catch (error) {
      assert.is((error as Error).message, `generation_config.json: ${message}`);
      return;
    }
    assert.unreachable();
  });

test.run();
