/**
 * A family of models of another project, registered through the public entry alone: Mixtral's experts under Mixtral's keys.
 * Its experts are a class of its own, its config and its checkpoints have names that no family of the package has.
 */
import * as models from "@jaxscale/models";
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

export interface ToyMoeConfig extends models.SharedConfig {
  readonly modelType: "toy_moe";
  readonly headDim: number;
  readonly experts: number;
  readonly expertsPerToken: number;
  readonly rope: models.RopeConfig;
}

function parse(fields: models.Fields): ToyMoeConfig {
  const shared = models.parseShared(fields, {
    hiddenSize: 8,
    intermediateSize: 6,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    vocabSize: 32,
    maxPositionEmbeddings: 128,
    rmsNormEps: 1e-5,
    attentionBias: false,
    eosTokenIds: [],
    padTokenId: undefined,
  });
  return {
    modelType: "toy_moe",
    ...shared,
    headDim: fields.integer("head_dim", 4),
    experts: fields.integer("num_local_experts", 4),
    expertsPerToken: fields.integer("num_experts_per_tok", 2),
    rope: models.parseRope(fields, 1),
  };
}

/** y = Σ softmax of the chosen · w2 (silu(w1 x) · w3 x); every expert is computed, most with weight 0. */
class SparseMoeBlock extends nnx.Module {
  readonly gate: models.Linear;
  readonly w1: nnx.Param;
  readonly w2: nnx.Param;
  readonly w3: nnx.Param;
  readonly expertsPerToken: number;

  constructor({ experts, expertsPerToken, hiddenSize, intermediateSize }: ToyMoeConfig, dtype: jax.DType) {
    super();
    this.gate = new models.Linear(hiddenSize, experts, { dtype });
    this.w1 = models.describe([experts, intermediateSize, hiddenSize], dtype);
    this.w2 = models.describe([experts, hiddenSize, intermediateSize], dtype);
    this.w3 = models.describe([experts, intermediateSize, hiddenSize], dtype);
    this.expertsPerToken = expertsPerToken;
  }

  call(x: jax.Array): jax.Array {
    const logits = this.gate.wide(x);
    const [best, ids] = jax.lax.topK(logits, this.expertsPerToken);
    const chosen = jax.nn.oneHot(ids, logits.shape[2]).mul(jax.numpy.expandDims(jax.nn.softmax(best), -1));
    const up = (weight: nnx.Param): jax.Array => jax.numpy.einsum("bth,eih->btei", x, weight);
    const hidden = jax.nn.silu(up(this.w1)).mul(up(this.w3));
    const each = jax.numpy.einsum("btei,ehi->bteh", hidden, this.w2);
    return jax.numpy.einsum("bte,bteh->bth", chosen.sum({ axis: 2 }).astype(x.dtype), each);
  }
}

class ToyMoeLayer extends nnx.Module {
  readonly self_attn: models.GqaAttention;
  readonly block_sparse_moe: SparseMoeBlock;
  readonly input_layernorm: models.RMSNorm;
  readonly post_attention_layernorm: models.RMSNorm;

  constructor(config: ToyMoeConfig, dtype: jax.DType) {
    super();
    const { hiddenSize, rmsNormEps } = config;
    this.self_attn = new models.GqaAttention(config, dtype);
    this.block_sparse_moe = new SparseMoeBlock(config, dtype);
    this.input_layernorm = new models.RMSNorm(hiddenSize, rmsNormEps, dtype);
    this.post_attention_layernorm = new models.RMSNorm(hiddenSize, rmsNormEps, dtype);
  }

  call(x: jax.Array, step: models.Step, cache?: models.KeyValueCache): jax.Array {
    const between = x.add(this.self_attn.call(this.input_layernorm.call(x), step, cache));
    return between.add(this.block_sparse_moe.call(this.post_attention_layernorm.call(between)));
  }
}

const expertWeight = /^(.*\.block_sparse_moe)\.(w[123])$/;

models.registerArchitecture<ToyMoeConfig>("toy_moe", {
  parse,
  rope: ({ rope, headDim }) => ({ theta: rope.theta, headDim, rotaryDim: headDim, pairing: "halves" }),
  layer: (config, _index, dtype) => new ToyMoeLayer(config, dtype),
  cache: models.emptyKeyValueCache,
  ignoredKeys: () => (key) => (key.startsWith("jitter.") ? "for training only" : undefined),
  stacked: (name, [experts, ...shape]) => {
    const [, block, weight] = expertWeight.exec(name) ?? [];
    if (block === undefined) return undefined;
    return Array.from({ length: experts }, (_, e) => ({ key: `${block}.experts.${e}.${weight}.weight`, shape }));
  },
  activeShare: ({ expertsPerToken, experts }, name) => (expertWeight.test(name) ? expertsPerToken / experts : 1),
  attentionForms: { first: "plain", cached: "cached" },
});

/** A checkpoint in memory: each tensor counts up from a start of its own, in steps of 1/64 within ±1/4. */
export async function toyMoeFiles(): Promise<models.CheckpointFiles> {
  const model = new models.CausalLM(models.parseConfig('{"model_type":"toy_moe"}'), "float32");
  const tensors = Object.entries(models.parametersOf(model)).flatMap(([name, { shape }]) => {
    const [, block, weight] = expertWeight.exec(name) ?? [];
    if (block === undefined) return [tensor(name, shape)];
    return [0, 1, 2, 3].map((e) => tensor(`${block}.experts.${e}.${weight}.weight`, shape.slice(1)));
  });
  const weights = await models.encodeSafetensors([...tensors, tensor("jitter.noise", [1])]);
  return models.blobFiles({
    "config.json": new Blob(['{"model_type":"toy_moe"}']),
    "model.safetensors": new Blob([weights]),
  });
}

const tensor = (name: string, shape: readonly number[]): models.WrittenTensor => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => valueAt(name, i));
  return { name, shape, dtype: "float32", data: new Uint8Array(values.buffer) };
};

export const valueAt = (key: string, i: number): number => {
  const start = [...key].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  return (((start + i * 13) % 33) - 16) / 64;
};
