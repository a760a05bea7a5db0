/** GLM-4-0414 in other sizes, its weights all zeros: for what depends on shapes and depth only. */
import {
  CausalLM,
  LanguageModel,
  parametersOf,
  parseConfig,
  parseGenerationConfig,
  setParameters,
} from "@jaxscale/models";
import * as jax from "jaxscale";

export interface Sizes {
  readonly layers: number;
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocab: number;
}

/** As narrow as it goes, so that the device has little to do. */
export const tiny: Omit<Sizes, "layers"> = { hidden: 64, inner: 128, heads: 4, kvHeads: 2, headDim: 16, vocab: 256 };

/** Attention of the true widths, which is what grows with the tokens present, and little else. */
export const attentive: Sizes = { layers: 4, hidden: 512, inner: 512, heads: 32, kvHeads: 2, headDim: 128, vocab: 256 };

export function narrowModel({ layers, hidden, inner, heads, kvHeads, headDim, vocab }: Sizes): LanguageModel {
  const config = parseConfig(
    JSON.stringify({
      model_type: "glm4",
      attention_bias: true,
      num_hidden_layers: layers,
      hidden_size: hidden,
      intermediate_size: inner,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      head_dim: headDim,
      vocab_size: vocab,
      max_position_embeddings: 8192,
      eos_token_id: [0],
      pad_token_id: 0,
    }),
  );
  const model = new CausalLM(config, "bfloat16");
  const values = Object.entries(parametersOf(model)).map(([name, { shape, dtype }]) => [
    name,
    jax.numpy.zeros([...shape], { dtype }),
  ]);
  setParameters(model, Object.fromEntries(values));
  return new LanguageModel(model, parseGenerationConfig(undefined, config));
}
