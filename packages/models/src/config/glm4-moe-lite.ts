/** Config of GLM-4.7-Flash (`glm4_moe_lite`): latent attention, experts. */
import { shown } from "../checkpoint-error.ts";
import type { Fields } from "../json/fields.ts";
import { parseRope, type RopeConfig, rotaryDim } from "./rope.ts";
import { parseShared, type SharedConfig } from "./shared.ts";

/** Config of GLM-4.7-Flash. */
export interface Glm4MoeLiteConfig extends SharedConfig {
  readonly modelType: "glm4_moe_lite";
  /** Rank of the query projection; undefined for a full-rank one. */
  readonly qLoraRank: number | undefined;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  readonly rope: RopeConfig;
  /** Of `qkRopeHeadDim`. */
  readonly rotaryDim: number;
  readonly ropeInterleave: boolean;
  readonly moeIntermediateSize: number;
  readonly nRoutedExperts: number;
  readonly numExpertsPerTok: number;
  readonly nSharedExperts: number;
  readonly nGroup: number;
  readonly topkGroup: number;
  readonly normTopkProb: boolean;
  readonly routedScalingFactor: number;
  readonly mlpLayerTypes: readonly ("dense" | "sparse")[];
  /** Layers after the decoder layers that predict further tokens; never run. */
  readonly numNextnPredictLayers: number;
}

/** @throws CheckpointError naming the key, expected and found */
export function parseGlm4MoeLite(fields: Fields): Glm4MoeLiteConfig {
  const shared = parseShared(fields, {
    hiddenSize: 2048,
    intermediateSize: 10240,
    numHiddenLayers: 47,
    numAttentionHeads: 20,
    numKeyValueHeads: 20,
    vocabSize: 154880,
    maxPositionEmbeddings: 202752,
    rmsNormEps: 1e-5,
    attentionBias: false,
    eosTokenIds: [1],
    padTokenId: undefined,
  });
  fields.require(
    shared.numKeyValueHeads === shared.numAttentionHeads,
    "num_key_value_heads",
    `must equal num_attention_heads ${shared.numAttentionHeads}, for keys and values come from one latent`,
    shared.numKeyValueHeads,
  );
  return {
    modelType: "glm4_moe_lite",
    ...shared,
    ...parseLatentAttention(fields),
    ...parseExperts(fields),
    mlpLayerTypes: parseLayerTypes(fields, shared.numHiddenLayers),
    numNextnPredictLayers: fields.integer("num_nextn_predict_layers", 1, { min: 0, max: 64 }),
  };
}

function parseLatentAttention(fields: Fields) {
  const qkNopeHeadDim = fields.integer("qk_nope_head_dim", 192);
  // The reference accepts head_dim as an alias of qk_rope_head_dim.
  const qkRopeHeadDim = fields.integer("qk_rope_head_dim", fields.integer("head_dim", 64));
  const headDim = fields.integer("head_dim", qkRopeHeadDim);
  fields.require(headDim === qkRopeHeadDim, "head_dim", `must equal qk_rope_head_dim ${qkRopeHeadDim}`, headDim);
  const together = qkNopeHeadDim + qkRopeHeadDim;
  const qkHeadDim = fields.integer("qk_head_dim", together);
  fields.require(
    qkHeadDim === together,
    "qk_head_dim",
    `must be qk_nope_head_dim + qk_rope_head_dim = ${together}`,
    qkHeadDim,
  );
  const rope = parseRope(fields, 1);
  return {
    qLoraRank: fields.raw("q_lora_rank") === null ? undefined : fields.integer("q_lora_rank", 768),
    kvLoraRank: fields.integer("kv_lora_rank", 512),
    qkNopeHeadDim,
    qkRopeHeadDim,
    vHeadDim: fields.integer("v_head_dim", 256),
    rope,
    rotaryDim: rotaryDim(rope, qkRopeHeadDim, fields),
    ropeInterleave: fields.boolean("rope_interleave", true),
  };
}

function parseExperts(fields: Fields) {
  const nRoutedExperts = fields.integer("n_routed_experts", fields.integer("num_local_experts", 64), { max: 65536 });
  const nGroup = fields.integer("n_group", 1);
  const topkGroup = fields.integer("topk_group", 1);
  const numExpertsPerTok = fields.integer("num_experts_per_tok", 4);
  fields.require(nRoutedExperts % nGroup === 0, "n_group", `must divide n_routed_experts ${nRoutedExperts}`, nGroup);
  fields.require(topkGroup <= nGroup, "topk_group", `must be at most n_group ${nGroup}`, topkGroup);
  const groupSize = nRoutedExperts / nGroup;
  fields.require(
    nGroup === 1 || groupSize >= 2,
    "n_group",
    "must leave two experts to a group, whose sum ranks it",
    `${nGroup} for ${nRoutedExperts} experts`,
  );
  fields.require(
    numExpertsPerTok <= topkGroup * groupSize,
    "num_experts_per_tok",
    `must be at most the ${topkGroup * groupSize} experts that may be chosen`,
    numExpertsPerTok,
  );
  return {
    moeIntermediateSize: fields.integer("moe_intermediate_size", 1536),
    nRoutedExperts,
    numExpertsPerTok,
    nSharedExperts: fields.integer("n_shared_experts", 1, { min: 0 }),
    nGroup,
    topkGroup,
    normTopkProb: fields.boolean("norm_topk_prob", true),
    routedScalingFactor: fields.number("routed_scaling_factor", 1.8),
  };
}

/** `mlp_layer_types` if the file has it, else the first `first_k_dense_replace` layers are dense, else the first one. */
function parseLayerTypes(fields: Fields, layers: number): readonly ("dense" | "sparse")[] {
  const types = fields.strings("mlp_layer_types");
  if (types === undefined) {
    const dense = fields.integer("first_k_dense_replace", 1, { min: 0, max: layers });
    return Array.from({ length: layers }, (_, i) => (i < dense ? "dense" : "sparse"));
  }
  fields.require(
    types.length === layers,
    "mlp_layer_types",
    `must name num_hidden_layers ${layers} layers`,
    types.length,
  );
  return types.map((type) => {
    if (type === "dense" || type === "sparse") return type;
    throw fields.error("mlp_layer_types", 'must be "dense" or "sparse" each', shown(type));
  });
}
