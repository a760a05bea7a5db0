/** GLM-4 (`glm`): grouped attention with partial rotary embeddings, gated MLPs. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { Architecture } from "./architecture.ts";
import { type GlmConfig, parseGlm } from "./config/glm.ts";
import { FusedGatedMLP } from "./layers/gated-mlp.ts";
import { GqaAttention } from "./layers/gqa-attention.ts";
import { emptyKeyValueCache, type KeyValueCache } from "./layers/kv-cache.ts";
import { RMSNorm } from "./layers/rms-norm.ts";
import type { RopeSettings } from "./layers/rope.ts";
import { type Step, wantedOf } from "./layers/step.ts";
import type { SplitSizes } from "./parallel/parallelism.ts";

/** x + attention(norm(x)), then x + mlp(norm(x)). */
export class GlmDecoderLayer extends nnx.Module {
  readonly self_attn: GqaAttention;
  readonly mlp: FusedGatedMLP;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(config: GlmConfig, dtype: jax.DType) {
    super();
    const { hiddenSize, intermediateSize, rmsNormEps } = config;
    this.self_attn = new GqaAttention(config, dtype);
    this.mlp = new FusedGatedMLP(hiddenSize, intermediateSize, dtype);
    this.input_layernorm = new RMSNorm(hiddenSize, rmsNormEps, dtype);
    this.post_attention_layernorm = new RMSNorm(hiddenSize, rmsNormEps, dtype);
  }

  keyModules(): readonly nnx.Module[] {
    return [this.input_layernorm, ...this.self_attn.keyModules()];
  }

  /** @param x `[B,T,H]` */
  call(x: jax.Array, step: Step, cache?: KeyValueCache): jax.Array {
    const attended = this.self_attn.call(this.input_layernorm.call(x), step, cache);
    this.sow(nnx.Intermediate, "attended", attended);
    const between = wantedOf(x, step).add(attended);
    this.sow(nnx.Intermediate, "attn_residual", between);
    const mixed = this.mlp.call(this.post_attention_layernorm.call(between));
    this.sow(nnx.Intermediate, "mixed", mixed);
    return between.add(mixed);
  }
}

/** Rotates the first `rotaryDim` dimensions of each head, in pairs of neighbours. */
export const glmRope = ({ rope, headDim, rotaryDim }: GlmConfig): RopeSettings => ({
  theta: rope.theta,
  headDim,
  rotaryDim,
  pairing: "interleaved",
});

/** Heads, hidden units and the vocabulary; keys and values have heads of their own. */
export const glmSplits = (config: GlmConfig): SplitSizes => ({
  tensor: {
    num_attention_heads: config.numAttentionHeads,
    intermediate_size: config.intermediateSize,
    vocab_size: config.vocabSize,
  },
  keyValueHeads: config.numKeyValueHeads,
});

export const glm: Architecture<GlmConfig> = {
  parse: (fields) => parseGlm("glm", fields),
  rope: glmRope,
  layer: (config, _index, dtype) => new GlmDecoderLayer(config, dtype),
  cache: emptyKeyValueCache,
  splits: glmSplits,
};
