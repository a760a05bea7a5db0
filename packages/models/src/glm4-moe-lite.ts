/** GLM-4.7-Flash (`glm4_moe_lite`): latent attention; experts in all layers but the first ones. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { Architecture, CacheSize } from "./architecture.ts";
import { type Glm4MoeLiteConfig, parseGlm4MoeLite } from "./config/glm4-moe-lite.ts";
import { GatedMLP } from "./layers/gated-mlp.ts";
import { LatentCache } from "./layers/kv-cache.ts";
import { MultiHeadLatentAttention } from "./layers/mla.ts";
import { expertParts, expertShare, MixtureOfExperts } from "./layers/moe.ts";
import { RMSNorm } from "./layers/rms-norm.ts";
import { type Step, wantedOf } from "./layers/step.ts";
import type { IgnoreRule } from "./weights/plan.ts";

/** x + attention(norm(x)), then x + mlp(norm(x)), where the MLP is one or many. */
export class Glm4MoeLiteDecoderLayer extends nnx.Module {
  readonly self_attn: MultiHeadLatentAttention;
  readonly mlp: GatedMLP | MixtureOfExperts;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(config: Glm4MoeLiteConfig, index: number, dtype: jax.DType) {
    super();
    const { hiddenSize, intermediateSize, rmsNormEps } = config;
    this.self_attn = new MultiHeadLatentAttention(config, dtype);
    this.mlp =
      config.mlpLayerTypes[index] === "dense"
        ? new GatedMLP(hiddenSize, intermediateSize, dtype)
        : new MixtureOfExperts(config, dtype);
    this.input_layernorm = new RMSNorm(hiddenSize, rmsNormEps, dtype);
    this.post_attention_layernorm = new RMSNorm(hiddenSize, rmsNormEps, dtype);
  }

  keyModules(isFirst: boolean): readonly nnx.Module[] {
    return [this.input_layernorm, ...this.self_attn.keyModules(isFirst)];
  }

  /** @param x `[B,T,H]` */
  call(x: jax.Array, step: Step, cache?: LatentCache): jax.Array {
    const attended = this.self_attn.call(this.input_layernorm.call(x), step, cache);
    this.sow(nnx.Intermediate, "attended", attended);
    const between = wantedOf(x, step).add(attended);
    this.sow(nnx.Intermediate, "attn_residual", between);
    const mixed = this.mlp.call(this.post_attention_layernorm.call(between), step.mesh);
    this.sow(nnx.Intermediate, "mixed", mixed);
    return between.add(mixed);
  }
}

/** Layers after the last one predict further tokens; a checkpoint has one even if its config has none. */
function predictionLayers({ numHiddenLayers: layers, numNextnPredictLayers }: Glm4MoeLiteConfig): IgnoreRule {
  const end = layers + Math.max(1, numNextnPredictLayers);
  return (key) => {
    const index = /^model\.layers\.(0|[1-9][0-9]{0,8})\./.exec(key)?.[1];
    return index !== undefined && Number(index) >= layers && Number(index) < end
      ? `predicts further tokens; not a decoder layer, for there are ${layers}`
      : undefined;
  };
}

export const glm4MoeLite: Architecture<Glm4MoeLiteConfig> = {
  parse: parseGlm4MoeLite,
  rope: ({ rope, qkRopeHeadDim, rotaryDim, ropeInterleave }) => ({
    theta: rope.theta,
    headDim: qkRopeHeadDim,
    rotaryDim,
    pairing: ropeInterleave ? "interleaved" : "halves",
  }),
  layer: (config, index, dtype) => new Glm4MoeLiteDecoderLayer(config, index, dtype),
  cache: ({ kvLoraRank, qkRopeHeadDim }, { batch, capacity, dtype }: CacheSize) =>
    new LatentCache(jax.numpy.zeros([batch, capacity, kvLoraRank + qkRopeHeadDim], { dtype })),
  splits: (config) => ({
    tensor: {
      num_attention_heads: config.numAttentionHeads,
      intermediate_size: config.intermediateSize,
      moe_intermediate_size: config.moeIntermediateSize,
      vocab_size: config.vocabSize,
    },
    expert: { n_routed_experts: config.nRoutedExperts },
  }),
  ignoredKeys: predictionLayers,
  stacked: expertParts,
  activeShare: expertShare,
  attentionForms: { first: "expanded", cached: "absorbed" },
};
