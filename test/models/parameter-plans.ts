/** Names and shapes of each family's parameters, from the description of the formats. */
import type { Glm4MoeLiteConfig, GlmConfig, LoadPlan, ModelConfig, ParameterSpec } from "@jaxscale/models";

type Plan = Record<string, ParameterSpec>;

export const planFor = (config: ModelConfig, dtype?: ParameterSpec["dtype"]): LoadPlan => {
  const { vocabSize: V, hiddenSize: H } = config;
  const plan: Plan = {
    "model.embed_tokens.weight": { shape: [V, H], dtype },
    "model.norm.weight": { shape: [H], dtype },
    ...(config.tieWordEmbeddings ? {} : { "lm_head.weight": { shape: [V, H], dtype } }),
  };
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = config.modelType === "glm4_moe_lite" ? flashLayer(config, i) : glmLayer(config);
    for (const [name, shape] of Object.entries(layer))
      plan[`model.layers.${i}.${name}`] = { shape, dtype: name.endsWith("correction_bias") ? "float32" : dtype };
  }
  return plan;
};

function glmLayer(c: GlmConfig): Record<string, readonly number[]> {
  const [H, I] = [c.hiddenSize, c.intermediateSize];
  const q = c.numAttentionHeads * c.headDim;
  const kv = c.numKeyValueHeads * c.headDim;
  return {
    "self_attn.q_proj.weight": [q, H],
    "self_attn.k_proj.weight": [kv, H],
    "self_attn.v_proj.weight": [kv, H],
    "self_attn.o_proj.weight": [H, q],
    ...(c.attentionBias
      ? { "self_attn.q_proj.bias": [q], "self_attn.k_proj.bias": [kv], "self_attn.v_proj.bias": [kv] }
      : {}),
    "mlp.gate_up_proj.weight": [2 * I, H],
    "mlp.down_proj.weight": [H, I],
    "input_layernorm.weight": [H],
    "post_attention_layernorm.weight": [H],
    ...(c.modelType === "glm4" ? { "post_self_attn_layernorm.weight": [H], "post_mlp_layernorm.weight": [H] } : {}),
  };
}

function flashLayer(c: Glm4MoeLiteConfig, i: number): Record<string, readonly number[]> {
  const [H, N, E, M] = [c.hiddenSize, c.numAttentionHeads, c.nRoutedExperts, c.moeIntermediateSize];
  const gated = (prefix: string, inner: number) => ({
    [`${prefix}.gate_proj.weight`]: [inner, H],
    [`${prefix}.up_proj.weight`]: [inner, H],
    [`${prefix}.down_proj.weight`]: [H, inner],
  });
  const rank = c.qLoraRank as number;
  return {
    "self_attn.q_a_proj.weight": [rank, H],
    "self_attn.q_a_layernorm.weight": [rank],
    "self_attn.q_b_proj.weight": [N * (c.qkNopeHeadDim + c.qkRopeHeadDim), rank],
    "self_attn.kv_a_proj_with_mqa.weight": [c.kvLoraRank + c.qkRopeHeadDim, H],
    "self_attn.kv_a_layernorm.weight": [c.kvLoraRank],
    "self_attn.kv_b_proj.weight": [N * (c.qkNopeHeadDim + c.vHeadDim), c.kvLoraRank],
    "self_attn.o_proj.weight": [H, N * c.vHeadDim],
    "input_layernorm.weight": [H],
    "post_attention_layernorm.weight": [H],
    ...(c.mlpLayerTypes[i] === "dense"
      ? gated("mlp", c.intermediateSize)
      : {
          "mlp.gate.weight": [E, H],
          "mlp.gate.e_score_correction_bias": [E],
          "mlp.experts.gate_up_proj": [E, 2 * M, H],
          "mlp.experts.down_proj": [E, H, M],
          ...gated("mlp.shared_experts", M * c.nSharedExperts),
        }),
  };
}
