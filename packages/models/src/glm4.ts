/** GLM-4-0414 (`glm4`): GLM-4 with additional norms after attention and MLP. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { Architecture } from "./architecture.ts";
import { type GlmConfig, parseGlm } from "./config/glm.ts";
import { glmRope, glmSplits } from "./glm.ts";
import { FusedGatedMLP } from "./layers/gated-mlp.ts";
import { GqaAttention } from "./layers/gqa-attention.ts";
import { emptyKeyValueCache, type KeyValueCache } from "./layers/kv-cache.ts";
import { RMSNorm } from "./layers/rms-norm.ts";
import { type Step, wantedOf } from "./layers/step.ts";

/** Sandwich norms: x + norm(attention(norm(x))), then x + norm(mlp(norm(x))). */
export class Glm4DecoderLayer extends nnx.Module {
  readonly self_attn: GqaAttention;
  readonly mlp: FusedGatedMLP;
  readonly input_layernorm: RMSNorm;
  readonly post_self_attn_layernorm: RMSNorm;
  /** The norm before the MLP, despite its name. */
  readonly post_attention_layernorm: RMSNorm;
  readonly post_mlp_layernorm: RMSNorm;

  constructor(config: GlmConfig, dtype: jax.DType) {
    super();
    const { hiddenSize, intermediateSize, rmsNormEps } = config;
    const norm = (): RMSNorm => new RMSNorm(hiddenSize, rmsNormEps, dtype);
    this.self_attn = new GqaAttention(config, dtype);
    this.mlp = new FusedGatedMLP(hiddenSize, intermediateSize, dtype);
    this.input_layernorm = norm();
    this.post_self_attn_layernorm = norm();
    this.post_attention_layernorm = norm();
    this.post_mlp_layernorm = norm();
  }

  keyModules(): readonly nnx.Module[] {
    return [this.input_layernorm, ...this.self_attn.keyModules()];
  }

  /** @param x `[B,T,H]` */
  call(x: jax.Array, step: Step, cache?: KeyValueCache): jax.Array {
    const attended = this.self_attn.call(this.input_layernorm.call(x), step, cache);
    this.sow(nnx.Intermediate, "attended", attended);
    const between = wantedOf(x, step).add(this.post_self_attn_layernorm.call(attended));
    this.sow(nnx.Intermediate, "attn_residual", between);
    const mixed = this.mlp.call(this.post_attention_layernorm.call(between));
    this.sow(nnx.Intermediate, "mixed", mixed);
    return between.add(this.post_mlp_layernorm.call(mixed));
  }
}

export const glm4: Architecture<GlmConfig> = {
  parse: (fields) => parseGlm("glm4", fields),
  rope: glmRope,
  layer: (config, _index, dtype) => new Glm4DecoderLayer(config, dtype),
  cache: emptyKeyValueCache,
  splits: glmSplits,
};
