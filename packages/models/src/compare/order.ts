/** The order in which a model computes the tensors that `observe` gives. */

// Within a layer.
const order = [
  ...["input_layernorm", "q_proj", "k_proj", "v_proj", "q_a_layernorm", "q_b_proj", "kv_a_proj_with_mqa"],
  ...["kv_a_layernorm", "query", "key", "value", "cache_latent", "cache_k_rope", "probs", "o_proj_in", "attn"],
  ...["post_self_attn_layernorm", "attn_residual", "post_attention_layernorm", "gate", "up", "activation"],
  ...["router_logits", "expert_ids", "expert_weights", "routed", "shared_experts.gate", "shared_experts.up"],
  ...["shared_experts.activation", "shared_experts", "mlp", "post_mlp_layernorm", "out"],
];

/** Where a tensor comes in the order of computation; unknown names sort last in their layer, or after all layers. */
export function orderOf(name: string): number {
  const { layer, part } = partOf(name);
  if (layer === undefined) return name === "embed" ? -1 : name === "norm" ? 1e9 : 1e9 + 1;
  const place = order.indexOf(part);
  return layer * (order.length + 1) + (place < 0 ? order.length : place);
}

/** `layers.2.attn` is `attn` of layer 2; what is outside of layers has none. */
export function partOf(name: string): { readonly layer: number | undefined; readonly part: string } {
  const [, layer, part] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  return layer === undefined ? { layer, part: name } : { layer: Number(layer), part };
}
