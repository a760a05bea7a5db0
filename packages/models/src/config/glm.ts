/** Configs of GLM-4-9B (`glm`) and GLM-4-0414 (`glm4`): the same fields and defaults. */
import type { Fields } from "../json/fields.ts";
import { parseRope, type RopeConfig, rotaryDim } from "./rope.ts";
import { parseShared, type SharedConfig } from "./shared.ts";

/** Config of GLM-4-9B and GLM-4-0414. */
export interface GlmConfig extends SharedConfig {
  /** `glm4` adds norms after attention and MLP. */
  readonly modelType: "glm" | "glm4";
  readonly headDim: number;
  readonly rope: RopeConfig;
  /** Rotated dimensions of each query and key head, at its start. */
  readonly rotaryDim: number;
}

/** @throws CheckpointError naming the key, expected and found */
export function parseGlm(modelType: GlmConfig["modelType"], fields: Fields): GlmConfig {
  const shared = parseShared(fields, {
    hiddenSize: 4096,
    intermediateSize: 13696,
    numHiddenLayers: 40,
    numAttentionHeads: 32,
    numKeyValueHeads: 2,
    vocabSize: 151552,
    maxPositionEmbeddings: 131072,
    rmsNormEps: 1.5625e-7,
    attentionBias: true,
    eosTokenIds: [151329, 151336, 151338],
    padTokenId: 151329,
  });
  const { numAttentionHeads, numKeyValueHeads } = shared;
  fields.require(
    numAttentionHeads % numKeyValueHeads === 0,
    "num_key_value_heads",
    `must divide num_attention_heads ${numAttentionHeads}`,
    numKeyValueHeads,
  );
  const headDim = parseHeadDim(fields, shared);
  const rope = parseRope(fields, 0.5);
  return { modelType, ...shared, headDim, rope, rotaryDim: rotaryDim(rope, headDim, fields) };
}

function parseHeadDim(fields: Fields, { hiddenSize, numAttentionHeads }: SharedConfig): number {
  if (fields.raw("head_dim") !== null) return fields.integer("head_dim", 128, { max: 65536 });
  fields.require(
    hiddenSize % numAttentionHeads === 0,
    "hidden_size",
    `must be a multiple of num_attention_heads ${numAttentionHeads}, for head_dim is null`,
    hiddenSize,
  );
  return hiddenSize / numAttentionHeads;
}
