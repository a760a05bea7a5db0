/** Language models: embedding, decoder layers, a norm, a row of logits for each token. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { CacheSize, DecoderLayer } from "./architecture.ts";
import { architectureOf, type ModelConfig } from "./architectures.ts";
import { Embedding, Linear, matmulTransposed } from "./layers/linear.ts";
import { RMSNorm } from "./layers/rms-norm.ts";
import type { RopeSettings } from "./layers/rope.ts";
import { type Step, stepAt, wantedOf } from "./layers/step.ts";
import { laidOut, type ModelMesh } from "./parallel/model-mesh.ts";
import type { ParameterSpec, QuantizedComponent } from "./weights/plan.ts";

/** Embedding, layers, norm. */
export class Decoder extends nnx.Module {
  readonly embed_tokens: Embedding;
  readonly layers: nnx.List<DecoderLayer>;
  readonly norm: RMSNorm;

  constructor(config: ModelConfig, dtype: jax.DType) {
    super();
    const { layer } = architectureOf(config);
    this.embed_tokens = new Embedding(config.vocabSize, config.hiddenSize, dtype);
    this.layers = new nnx.List(Array.from({ length: config.numHiddenLayers }, (_, i) => layer(config, i, dtype)));
    this.norm = new RMSNorm(config.hiddenSize, config.rmsNormEps, dtype);
  }

  /** @param last the step of the last layer, which may want fewer tokens @returns `[B,T,H]`, or `[B,1,H]` where one token a row is wanted */
  call(ids: jax.Array, step: Step, caches?: Caches, last = step): jax.Array {
    let x = this.embed_tokens.call(ids);
    this.sow(nnx.Intermediate, "embed", x);
    this.layers.map((layer, i) => {
      const isLast = i === this.layers.length - 1;
      x = layer.call(x, isLast ? last : step, caches?.[i]);
      layer.sow(nnx.Intermediate, "out", x);
    });
    return this.norm.call(wantedOf(x, last));
  }
}

/** One cache for each layer. */
export type Caches = readonly nnx.Module[];

/** What `CausalLM.call` takes besides tokens. */
export interface CallOptions {
  /** Position of the first token of each row, int32 `[B]`; 0 if absent. */
  readonly start?: jax.Array;
  /** Earlier tokens; without them attention is within the new ones. */
  readonly caches?: Caches;
  /** Place of the one new token of each row whose state is wanted, int32 `[B]`: the last layer computes no other. All if absent. */
  readonly wanted?: jax.Array;
}

/** A model described by its config. Its parameters have shapes and no values until a checkpoint fills them; their paths are the checkpoint's keys. */
export class CausalLM extends nnx.Module {
  readonly model: Decoder;
  /** Absent if the embedding table is also the head. */
  readonly lm_head: Linear | null;
  readonly rope: RopeSettings;
  readonly config: ModelConfig;
  readonly dtype: jax.DType;
  /** What it is split over; null on one device. */
  readonly mesh: ModelMesh | null;
  /** Of its caches: that of the model, or int8 for codes with a scale a vector. */
  readonly cacheDtype: jax.DType;

  /** @param dtype of weights and activations, and of caches unless `cacheDtype` says otherwise */
  constructor(config: ModelConfig, dtype: jax.DType, mesh: ModelMesh | null = null, cacheDtype: jax.DType = dtype) {
    super();
    this.model = new Decoder(config, dtype);
    this.lm_head = config.tieWordEmbeddings
      ? null
      : new Linear(config.hiddenSize, config.vocabSize, { dtype, out: "vocab" });
    this.config = config;
    this.dtype = dtype;
    this.cacheDtype = cacheDtype;
    this.mesh = mesh;
    this.rope = architectureOf(config).rope(config);
  }

  /**
   * Normalised hidden states of new tokens; writes the caches.
   * @param ids int32 `[B,T]`
   * @returns `[B,T,H]`, or `[B,1,H]` of the wanted tokens
   */
  call(ids: jax.Array, { start, caches, wanted }: CallOptions = {}): jax.Array {
    const [batch, count] = ids.shape;
    const { mesh } = this;
    const first = laidOut(start ?? jax.numpy.zeros([batch], { dtype: "int32" }), ["batch"], mesh);
    const options = { isFirst: start === undefined, mesh };
    const step = stepAt(first, count, this.rope, options);
    const place = wanted && laidOut(wanted, ["batch"], mesh);
    const last = place && { ...step, wanted: { place, step: stepAt(first.add(place), 1, this.rope, options) } };
    return this.model.call(laidOut(ids, ["batch", null], mesh), step, caches, last);
  }

  /** Scores of all tokens as the next one. @param hidden `[…,H]` @returns float32 `[…,V]` */
  logits(hidden: jax.Array): jax.Array {
    return jax.namedScope("lm_head", () =>
      this.lm_head ? this.lm_head.wide(hidden) : matmulTransposed(hidden, this.model.embed_tokens.weight),
    );
  }
}

/** Empty caches for all layers. */
export function makeCaches(config: ModelConfig, size: CacheSize, mesh: ModelMesh | null = null): Caches {
  const caches = Array.from({ length: config.numHiddenLayers }, () => architectureOf(config).cache(config, size));
  layOutCaches(caches, mesh);
  return caches;
}

/** Caches lie on the mesh as they say of their dimensions. */
export function layOutCaches(caches: Caches, mesh: ModelMesh | null): void {
  if (!mesh) return;
  for (const [, leaf] of nnx.state(caches, nnx.Cache)) {
    const cache = leaf as nnx.Cache;
    cache.set(jax.withShardingConstraint(cache.get(), mesh.shardingOf(cache)));
  }
}

/** Shapes and dtypes of all parameters by the checkpoint's keys, and how they lie on the model's mesh. */
export function parametersOf(model: CausalLM): Record<string, ParameterSpec & { dtype: jax.DType }> {
  return Object.fromEntries(
    [...nnx.state(model, nnx.Param)].map(([path, leaf]) => {
      const parameter = leaf as nnx.Param;
      const { shape, dtype, metadata } = parameter;
      const sharding = model.mesh ? { sharding: model.mesh.shardingOf(parameter) } : {};
      const stored = metadata.storedShape ? { storedShape: metadata.storedShape as readonly number[] } : {};
      const quantized = metadata.quantized ? { quantized: metadata.quantized as QuantizedComponent } : {};
      return [path.join("."), { shape, dtype, ...stored, ...sharding, ...quantized }];
    }),
  );
}

/** Gives parameters their values. @throws TypeError for a name that the model does not have */
export function setParameters(model: CausalLM, values: Readonly<Record<string, jax.Array>>): void {
  const entries = [...nnx.state(model, nnx.Param)].map(([path, leaf]) => [path.join("."), leaf as nnx.Param] as const);
  const byName = new Map(entries);
  for (const [name, value] of Object.entries(values)) {
    const parameter = byName.get(name);
    if (!parameter) throw new TypeError(`setParameters: the model must have the parameter; got ${name}`);
    parameter.set(value);
  }
}
