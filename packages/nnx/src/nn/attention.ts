/** Multi-head attention, with a cache for decoding. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import { type RngStream, Rngs } from "../rngs.ts";
import { Cache, type Initializer, Intermediate, type VariableMetadata } from "../variable.ts";
import { attend, attentionWeights, type WeightsDropout, weightedValues } from "./attention-weights.ts";
import { LinearGeneral } from "./linear.ts";
import { LayerNorm } from "./norms.ts";
import { checkFeatures, type DtypeOptions, promote } from "./promote.ts";

const { lax, numpy: jnp } = jax;

/** Options of a `MultiHeadAttention`. */
export interface MultiHeadAttentionOptions extends DtypeOptions {
  /** Total features of queries, keys and values over all heads; those of the input if absent. */
  readonly qkvFeatures?: number;
  /** Features of the output; those of the input if absent. */
  readonly outFeatures?: number;
  /** Features of the inputs of keys and values; those of the input if absent. */
  readonly inKvFeatures?: number;
  /** Heads of keys and values; `numHeads` if absent. */
  readonly numKvHeads?: number;
  readonly useBias?: boolean;
  /** Whether to normalize queries and keys with layer norms. @see https://arxiv.org/abs/2302.05442 */
  readonly normalizeQk?: boolean;
  readonly dropoutRate?: number;
  /** Whether all batches and heads share one dropout mask; true if absent. */
  readonly broadcastDropout?: boolean;
  readonly deterministic?: boolean;
  /** Decodes one token at a time, with the cache of `initCache`. */
  readonly decode?: boolean;
  readonly kernelInit?: Initializer;
  readonly biasInit?: Initializer;
  readonly outKernelInit?: Initializer;
  readonly outBiasInit?: Initializer;
  readonly kernelMetadata?: VariableMetadata;
  readonly biasMetadata?: VariableMetadata;
  readonly outKernelMetadata?: VariableMetadata;
  readonly outBiasMetadata?: VariableMetadata;
  readonly rngs: Rngs;
}

/** Options of one call of `MultiHeadAttention`. */
export interface AttentionCallOptions {
  /** Boolean mask of the keys that each query attends to; broadcasts with `[...batch, heads, T, S]`. */
  readonly mask?: jax.Array | null;
  readonly isCausal?: boolean;
  readonly deterministic?: boolean;
  readonly decode?: boolean;
  readonly rngs?: Rngs | RngStream | null;
  /** Sows the weights as the Intermediate `attentionWeights`. */
  readonly sowWeights?: boolean;
}

/**
 * Multi-head attention: `softmax(q kᵀ / √d) v` for each head. `query`, `key` and `value` project to `[..., heads, d]`, `out` projects back.
 * @see https://arxiv.org/abs/1706.03762
 */
export class MultiHeadAttention extends Module {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly inFeatures: number;
  readonly headDim: number;
  readonly dtype: jax.DType | null;
  readonly dropoutRate: number;
  readonly broadcastDropout: boolean;
  deterministic: boolean;
  decode: boolean;
  readonly query: LinearGeneral;
  readonly key: LinearGeneral;
  readonly value: LinearGeneral;
  readonly queryLn: LayerNorm | null;
  readonly keyLn: LayerNorm | null;
  readonly out: LinearGeneral;
  readonly rngs: RngStream | null;
  cachedKey: Cache | null = null;
  cachedValue: Cache | null = null;
  cacheIndex: Cache | null = null;

  /** @throws ShapeError unless `numHeads` divides the features, and the heads of keys divide those of queries */
  constructor(numHeads: number, inFeatures: number, options: MultiHeadAttentionOptions) {
    super();
    const { qkvFeatures = inFeatures, outFeatures = inFeatures, inKvFeatures = inFeatures } = options;
    const { numKvHeads = numHeads, dropoutRate = 0, normalizeQk = false, rngs } = options;
    if (qkvFeatures % numHeads !== 0 || numHeads % numKvHeads !== 0)
      throw new jax.ShapeError(
        `MultiHeadAttention: heads must divide features, and heads of keys those of queries; got ${numHeads} heads for ${qkvFeatures} features, ${numKvHeads} for keys`,
      );
    this.numHeads = numHeads;
    this.numKvHeads = numKvHeads;
    this.inFeatures = inFeatures;
    this.headDim = qkvFeatures / numHeads;
    this.dtype = options.dtype ?? null;
    this.dropoutRate = dropoutRate;
    this.broadcastDropout = options.broadcastDropout ?? true;
    this.deterministic = options.deterministic ?? false;
    this.decode = options.decode ?? false;
    this.query = new LinearGeneral(inFeatures, [numHeads, this.headDim], options);
    this.key = new LinearGeneral(inKvFeatures, [numKvHeads, this.headDim], options);
    this.value = new LinearGeneral(inKvFeatures, [numKvHeads, this.headDim], options);
    const { dtype, paramDtype } = options;
    const norm = () => new LayerNorm(this.headDim, { useBias: false, dtype, paramDtype, rngs });
    this.queryLn = normalizeQk ? norm() : null;
    this.keyLn = normalizeQk ? norm() : null;
    this.out = new LinearGeneral([numHeads, this.headDim], outFeatures, {
      ...options,
      axis: [-2, -1],
      kernelInit: options.outKernelInit ?? options.kernelInit,
      biasInit: options.outBiasInit ?? options.biasInit,
      kernelMetadata: options.outKernelMetadata ?? options.kernelMetadata,
      biasMetadata: options.outBiasMetadata ?? options.biasMetadata,
    });
    this.rngs = dropoutRate > 0 ? rngs.stream("dropout").fork() : null;
  }

  /**
   * Attends from queries to keys and values, all heads at once.
   * @param inputsQ `[...batch, T, in]` @param inputsK `[...batch, S, inKv]`, inputsQ if absent @param inputsV inputsK if absent
   * @returns `[...batch, T, out]` @throws ShapeError, or TypeError if a required cache or random stream is missing
   */
  call(
    inputsQ: jax.Array,
    inputsK: jax.Array | null = inputsQ,
    inputsV: jax.Array | null = inputsK,
    options: AttentionCallOptions = {},
  ): jax.Array {
    checkFeatures("MultiHeadAttention", inputsQ, this.inFeatures);
    const [sourceK, sourceV] = [inputsK ?? inputsQ, inputsV ?? inputsK ?? inputsQ];
    const projected = [this.query.call(inputsQ), this.key.call(sourceK), this.value.call(sourceV)] as const;
    const query = this.queryLn ? this.queryLn.call(projected[0]) : projected[0];
    const newKey = this.keyLn ? this.keyLn.call(projected[1]) : projected[1];
    const { mask = null, isCausal = false, decode = this.decode } = options;
    const { key, value, present } = decode
      ? append(this, newKey, projected[2])
      : { key: newKey, value: projected[2], present: null };
    const [q, k, v] = promote("MultiHeadAttention", [query, key, value], this.dtype);

    const dropping = this.dropoutRate > 0 && !(options.deterministic ?? this.deterministic);
    if (!dropping && !options.sowWeights) return this.out.call(attend(q, k, v, { mask, isCausal, present }));
    const weights = attentionWeights(q, k, {
      mask,
      isCausal,
      present,
      dropout: dropping ? dropoutOf(this, options.rngs ?? this.rngs) : null,
      see: (found) => options.sowWeights && this.sow(Intermediate, "attentionWeights", found),
    });
    return this.out.call(weightedValues(weights, v));
  }

  /** Initializes an empty cache for decoding. @param inputShape `[...batch, maxLength, in]` */
  initCache(inputShape: readonly number[], dtype: jax.DType = "float32"): void {
    const shape = [...inputShape.slice(0, -1), this.numKvHeads, this.headDim];
    this.cachedKey = new Cache(jnp.zeros(shape, { dtype }));
    this.cachedValue = new Cache(jnp.zeros(shape, { dtype }));
    this.cacheIndex = new Cache(jnp.array(0, { dtype: "int32" }));
  }
}

/** Writes the key and value of a token to the cache. @returns the whole cache, and its number of tokens */
function append(
  { cachedKey, cachedValue, cacheIndex }: MultiHeadAttention,
  key: jax.Array,
  value: jax.Array,
): { readonly key: jax.Array; readonly value: jax.Array; readonly present: jax.Array } {
  if (!cachedKey || !cachedValue || !cacheIndex)
    throw new TypeError("MultiHeadAttention: decoding wants a cache; got none. Call initCache first");
  const [batch, heads] = [cachedKey.shape.slice(0, -3), cachedKey.shape.slice(-2)];
  const expected = [...batch, 1, ...heads];
  if (key.shape.length !== expected.length || key.shape.some((size, axis) => size !== expected[axis]))
    throw new jax.ShapeError(
      `MultiHeadAttention: decoding takes one token at a time; got keys ${key.dtype}[${key.shape}], expected shape [${expected}]`,
    );
  const index = cacheIndex.get();
  const starts = [...batch.map(() => 0), index, 0, 0];
  for (const [cache, token] of [[cachedKey, key] as const, [cachedValue, value] as const])
    cache.set(lax.dynamicUpdateSlice(cache.get(), token.astype(cache.dtype), starts));
  const present = index.add(1);
  cacheIndex.set(present);
  return { key: cachedKey.get(), value: cachedValue.get(), present };
}

function dropoutOf(
  { dropoutRate, broadcastDropout }: MultiHeadAttention,
  rngs: Rngs | RngStream | null,
): WeightsDropout {
  if (rngs === null)
    throw new TypeError("MultiHeadAttention: without deterministic there must be a random stream; got none");
  const key = rngs instanceof Rngs ? rngs.dropout() : rngs.next();
  return { rate: dropoutRate, key, broadcast: broadcastDropout };
}
