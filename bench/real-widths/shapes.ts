/** What checkpoints of GLM-4-9B-0414 and GLM-4.7-Flash hold at their true widths, cut to a few layers. */

export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "bfloat16" | "float32";
  /** Mean of its values: 1 for what scales, 0 for what multiplies. */
  readonly mean: number;
}

/** As in `config.json`. */
export type RawConfig = Readonly<Record<string, unknown>>;

export interface WidthsModel {
  readonly config: RawConfig;
  readonly tensors: readonly TensorShape[];
}

const matrix = (name: string, ...shape: number[]): TensorShape => ({ name, shape, dtype: "bfloat16", mean: 0 });
const norm = (name: string, size: number): TensorShape => ({ name, shape: [size], dtype: "bfloat16", mean: 1 });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Ends {
  readonly vocab: number;
  readonly hidden: number;
}
const ends = ({ vocab, hidden }: Ends): TensorShape[] => [
  matrix("model.embed_tokens.weight", vocab, hidden),
  norm("model.norm.weight", hidden),
  matrix("lm_head.weight", vocab, hidden),
];

/** GLM-4-9B-0414 with so many of its 40 layers. */
export function glm4Widths(layers: number): WidthsModel {
  const [hidden, inner, heads, kvHeads, headDim, vocab] = [4096, 13696, 32, 2, 128, 151552];
  const layer = (i: number): TensorShape[] => {
    const at = `model.layers.${i}`;
    const projection = (name: string, rows: number): TensorShape[] => [
      matrix(`${at}.self_attn.${name}.weight`, rows, hidden),
      matrix(`${at}.self_attn.${name}.bias`, rows),
    ];
    return [
      norm(`${at}.input_layernorm.weight`, hidden),
      ...projection("q_proj", heads * headDim),
      ...projection("k_proj", kvHeads * headDim),
      ...projection("v_proj", kvHeads * headDim),
      matrix(`${at}.self_attn.o_proj.weight`, hidden, heads * headDim),
      norm(`${at}.post_self_attn_layernorm.weight`, hidden),
      norm(`${at}.post_attention_layernorm.weight`, hidden),
      matrix(`${at}.mlp.gate_up_proj.weight`, 2 * inner, hidden),
      matrix(`${at}.mlp.down_proj.weight`, hidden, inner),
      norm(`${at}.post_mlp_layernorm.weight`, hidden),
    ];
  };
  return {
    config: {
      architectures: ["Glm4ForCausalLM"],
      model_type: "glm4",
      attention_bias: true,
      eos_token_id: [151329, 151336, 151338],
      pad_token_id: 151329,
      head_dim: headDim,
      hidden_act: "silu",
      hidden_size: hidden,
      intermediate_size: inner,
      max_position_embeddings: 32768,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      num_hidden_layers: layers,
      partial_rotary_factor: 0.5,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: false,
      torch_dtype: "bfloat16",
      vocab_size: vocab,
    },
    tensors: [...ends({ vocab, hidden }), ...range(layers).flatMap(layer)],
  };
}

/** GLM-4.7-Flash with so many of its 47 layers; the first is dense. */
export function flashWidths(layers: number): WidthsModel {
  const [hidden, inner, expertInner, experts, heads, vocab] = [2048, 10240, 1536, 64, 20, 154880];
  const [queryRank, keyValueRank, nope, rope, valueDim] = [768, 512, 192, 64, 256];
  const gated = (at: string, size: number): TensorShape[] => [
    matrix(`${at}.gate_proj.weight`, size, hidden),
    matrix(`${at}.up_proj.weight`, size, hidden),
    matrix(`${at}.down_proj.weight`, hidden, size),
  ];
  const sparse = (at: string): TensorShape[] => [
    matrix(`${at}.gate.weight`, experts, hidden),
    { name: `${at}.gate.e_score_correction_bias`, shape: [experts], dtype: "float32", mean: 0 },
    ...range(experts).flatMap((e) => gated(`${at}.experts.${e}`, expertInner)),
    ...gated(`${at}.shared_experts`, expertInner),
  ];
  const layer = (i: number): TensorShape[] => {
    const at = `model.layers.${i}`;
    const attention = `${at}.self_attn`;
    return [
      norm(`${at}.input_layernorm.weight`, hidden),
      matrix(`${attention}.q_a_proj.weight`, queryRank, hidden),
      norm(`${attention}.q_a_layernorm.weight`, queryRank),
      matrix(`${attention}.q_b_proj.weight`, heads * (nope + rope), queryRank),
      matrix(`${attention}.kv_a_proj_with_mqa.weight`, keyValueRank + rope, hidden),
      norm(`${attention}.kv_a_layernorm.weight`, keyValueRank),
      matrix(`${attention}.kv_b_proj.weight`, heads * (nope + valueDim), keyValueRank),
      matrix(`${attention}.o_proj.weight`, hidden, heads * valueDim),
      norm(`${at}.post_attention_layernorm.weight`, hidden),
      ...(i === 0 ? gated(`${at}.mlp`, inner) : sparse(`${at}.mlp`)),
    ];
  };
  return {
    config: {
      architectures: ["Glm4MoeLiteForCausalLM"],
      model_type: "glm4_moe_lite",
      attention_bias: false,
      eos_token_id: [154820, 154827, 154829],
      pad_token_id: 154820,
      first_k_dense_replace: 1,
      hidden_act: "silu",
      hidden_size: hidden,
      intermediate_size: inner,
      kv_lora_rank: keyValueRank,
      max_position_embeddings: 202752,
      moe_intermediate_size: expertInner,
      n_group: 1,
      n_routed_experts: experts,
      n_shared_experts: 1,
      norm_topk_prob: true,
      num_attention_heads: heads,
      num_experts_per_tok: 4,
      num_hidden_layers: layers,
      num_key_value_heads: heads,
      partial_rotary_factor: 1,
      q_lora_rank: queryRank,
      qk_nope_head_dim: nope,
      qk_rope_head_dim: rope,
      rms_norm_eps: 1e-5,
      rope_scaling: null,
      rope_theta: 1000000,
      routed_scaling_factor: 1.8,
      tie_word_embeddings: false,
      topk_group: 1,
      topk_method: "noaux_tc",
      torch_dtype: "bfloat16",
      v_head_dim: valueDim,
      vocab_size: vocab,
    },
    tensors: [...ends({ vocab, hidden }), ...range(layers).flatMap(layer)],
  };
}

/** By the names that the scripts take: the first layers of each that show all its kinds of layer. */
export const widthsModels: Readonly<Record<string, () => WidthsModel>> = {
  glm4: () => glm4Widths(2),
  flash: () => flashWidths(3),
};
