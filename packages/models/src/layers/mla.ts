/** Multi-head latent attention: keys and values of all heads are projected from one small vector a token, and only that is cached. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { attend } from "./attend.ts";
import type { LatentCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { wideOf } from "./param.ts";
import { RMSNorm } from "./rms-norm.ts";
import { rotate, splitHalves } from "./rope.ts";
import { sowAttention } from "./sow.ts";
import { queryStep, type Step, wantedOf } from "./step.ts";

/** Sizes of a `MultiHeadLatentAttention`. */
export interface MlaSizes {
  readonly hiddenSize: number;
  readonly numAttentionHeads: number;
  readonly qLoraRank: number | undefined;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  readonly attentionBias: boolean;
  readonly rmsNormEps: number;
}

const wide = { preferredElementType: "float32" } as const;

// Built with the norm's own default in the reference, not with the config's rms_norm_eps.
const latentNormEps = 1e-6;

/**
 * s = (q_nope · k_nope + q_rope · k_rope) / √(P + R), where k_nope and v are `kv_b_proj` of the normed latent c, and k_rope is
 * shared by all heads. Prefill expands c to keys and values; decoding absorbs `kv_b_proj` into query and output instead:
 * q_nope · (W_k c) = (W_kᵀ q_nope) · c, and Σ p (W_v c) = W_v Σ p c, which is attention over one key head.
 */
export class MultiHeadLatentAttention extends nnx.Module {
  readonly q_proj: Linear | null;
  readonly q_a_proj: Linear | null;
  readonly q_a_layernorm: RMSNorm | null;
  readonly q_b_proj: Linear | null;
  readonly kv_a_proj_with_mqa: Linear;
  readonly kv_a_layernorm: RMSNorm;
  readonly kv_b_proj: Linear;
  readonly o_proj: Linear;
  readonly sizes: MlaSizes;

  constructor(sizes: MlaSizes, dtype: jax.DType) {
    super();
    const {
      hiddenSize,
      numAttentionHeads: heads,
      qLoraRank,
      kvLoraRank,
      qkNopeHeadDim,
      qkRopeHeadDim,
      vHeadDim,
    } = sizes;
    const bias = sizes.attentionBias;
    const querySize = heads * (qkNopeHeadDim + qkRopeHeadDim);
    const lowRank = qLoraRank !== undefined;
    this.q_proj = lowRank ? null : new Linear(hiddenSize, querySize, { dtype, out: "heads" });
    this.q_a_proj = lowRank ? new Linear(hiddenSize, qLoraRank, { dtype, bias }) : null;
    this.q_a_layernorm = lowRank ? new RMSNorm(qLoraRank, latentNormEps, dtype) : null;
    this.q_b_proj = lowRank ? new Linear(qLoraRank, querySize, { dtype, out: "heads" }) : null;
    this.kv_a_proj_with_mqa = new Linear(hiddenSize, kvLoraRank + qkRopeHeadDim, { dtype, bias });
    this.kv_a_layernorm = new RMSNorm(kvLoraRank, latentNormEps, dtype);
    this.kv_b_proj = new Linear(kvLoraRank, heads * (qkNopeHeadDim + vHeadDim), { dtype, out: "heads" });
    this.o_proj = new Linear(heads * vHeadDim, hiddenSize, { dtype, bias, in: "heads" });
    this.sizes = sizes;
  }

  /**
   * Attends from each wanted token to itself and those before it, through latents.
   * @param x `[B,T,H]`
   * @param cache with this layer's earlier latents; without it attention is within x only
   */
  call(x: jax.Array, step: Step, cache?: LatentCache): jax.Array {
    const [asking, asked] = [wantedOf(x, step), queryStep(step)];
    const query = this.queryOf(asking, asked);
    const latent = this.latentOf(x, step);
    this.letOut(query, latent, step);
    const latents = cache ? cache.append(latent, step.start) : latent;
    const attended = step.isFirst ? this.expanded(query, latent, asked) : this.absorbed(query, latents, asked);
    const joined = attended.reshape(...asking.shape.slice(0, 2), -1);
    this.sow(nnx.Intermediate, "o_proj_in", joined);
    return this.o_proj.call(joined);
  }

  /** Attention over keys and values of all heads. @param query `[B,T,N,P+R]` @param latents `[B,S,C+R]` @returns `[B,T,N,V]` */
  expanded(query: jax.Array, latents: jax.Array, step: Step): jax.Array {
    const { key, value } = this.expand(latents);
    return attend(query, key, value, { scale: this.scale, step });
  }

  /** Attention over the latents themselves. @param query `[B,T,N,P+R]` @param latents `[B,S,C+R]` @returns `[B,T,N,V]` */
  absorbed(query: jax.Array, latents: jax.Array, step: Step): jax.Array {
    const { kvLoraRank, qkNopeHeadDim } = this.sizes;
    const [nope, rope] = splitLast(query, qkNopeHeadDim);
    const { keyPart, valuePart } = this.kvParts();
    const lifted = jax.numpy.einsum("btnp,npc->btnc", nope, keyPart, wide).astype(nope.dtype);
    const shared = jax.numpy.expandDims(latents, 2);
    const wideQuery = jax.numpy.concatenate([lifted, rope], -1);
    // The values are the first part of the keys: passing the whole keys avoids a copy.
    const summed = attend(wideQuery, shared, shared, { scale: this.scale, step });
    return jax.numpy.einsum("btnc,nvc->btnv", splitLast(summed, kvLoraRank)[0], valuePart, wide).astype(summed.dtype);
  }

  /** What tokens go through to be attended to; `kv_b_proj` only where it is expanded, in a first step. */
  keyModules(isFirst: boolean): readonly nnx.Module[] {
    const latent = [this.kv_a_proj_with_mqa, this.kv_a_layernorm];
    return isFirst ? [...latent, this.kv_b_proj] : latent;
  }

  /** Operations of one query with one key, in all heads: of the expanded form in prefill, of the absorbed form in decoding. */
  flopsPerPair(isFirst: boolean): number {
    const { numAttentionHeads, qkNopeHeadDim, qkRopeHeadDim, kvLoraRank, vHeadDim } = this.sizes;
    const [key, value] = isFirst ? [qkNopeHeadDim, vHeadDim] : [kvLoraRank, kvLoraRank];
    return 2 * numAttentionHeads * (key + qkRopeHeadDim + value);
  }

  /** Per head the dimensions without position first, then the rotated ones: `[B,T,N,P+R]`. */
  private queryOf(x: jax.Array, step: Step): jax.Array {
    const { numAttentionHeads, qkNopeHeadDim } = this.sizes;
    const flat = this.q_proj ? this.q_proj.call(x) : this.lowRankQuery(x);
    this.sow(nnx.Intermediate, this.q_proj ? "q_proj" : "q_b_proj", flat);
    const [nope, rope] = splitLast(flat.reshape(...x.shape.slice(0, 2), numAttentionHeads, -1), qkNopeHeadDim);
    return jax.numpy.concatenate([nope, rotate(rope, step.rotation)], -1);
  }

  private lowRankQuery(x: jax.Array): jax.Array {
    const { q_a_proj, q_a_layernorm, q_b_proj } = this;
    if (!q_a_proj || !q_a_layernorm || !q_b_proj) throw new TypeError("mla: queries need q_proj or its low-rank parts");
    return q_b_proj.call(q_a_layernorm.call(q_a_proj.call(x)));
  }

  /** The cache entry: the normed latent, then the rotated key that all heads share; `[B,T,C+R]`. */
  private latentOf(x: jax.Array, step: Step): jax.Array {
    const both = this.kv_a_proj_with_mqa.call(x);
    this.sow(nnx.Intermediate, "kv_a_proj_with_mqa", both);
    const [latent, rope] = splitLast(both, this.sizes.kvLoraRank);
    const rotated = rotate(jax.numpy.expandDims(rope, 2), step.rotation).squeeze(2);
    return jax.numpy.concatenate([this.kv_a_layernorm.call(latent), rotated], -1);
  }

  /** `kv_b_proj` head by head: keys `[N,P,C]`, values `[N,V,C]`. */
  private kvParts(): { readonly keyPart: jax.Array; readonly valuePart: jax.Array } {
    const { numAttentionHeads, qkNopeHeadDim, kvLoraRank } = this.sizes;
    const perHead = wideOf(this.kv_b_proj.weight).reshape(numAttentionHeads, -1, kvLoraRank);
    return {
      keyPart: perHead.slice(":", jax.slice(0, qkNopeHeadDim)),
      valuePart: perHead.slice(":", jax.slice(qkNopeHeadDim)),
    };
  }

  private expand(latents: jax.Array): { readonly key: jax.Array; readonly value: jax.Array } {
    const { numAttentionHeads: heads, qkNopeHeadDim, qkRopeHeadDim, kvLoraRank } = this.sizes;
    const [batch, count] = latents.shape;
    const [latent, rope] = splitLast(latents, kvLoraRank);
    const both = this.kv_b_proj.call(latent).reshape(batch, count, heads, -1);
    const [nope, value] = splitLast(both, qkNopeHeadDim);
    const shared = jax.numpy.broadcastTo(jax.numpy.expandDims(rope, 2), [batch, count, heads, qkRopeHeadDim]);
    return { key: jax.numpy.concatenate([nope, shared], -1), value };
  }

  private get scale(): number {
    return (this.sizes.qkNopeHeadDim + this.sizes.qkRopeHeadDim) ** -0.5;
  }

  /** In the dimension order of the reference. */
  private letOut(query: jax.Array, latent: jax.Array, { rotation: { settings } }: Step): void {
    const { kvLoraRank, qkNopeHeadDim } = this.sizes;
    const reordered = (x: jax.Array, at: number): jax.Array => {
      const [kept, rope] = splitLast(x, at);
      return jax.numpy.concatenate([kept, splitHalves(rope, settings)], -1);
    };
    const [normed, rope] = splitLast(reordered(latent, kvLoraRank), kvLoraRank);
    if (!this.sow(nnx.Intermediate, "cache_latent", normed)) return;
    this.sow(nnx.Intermediate, "cache_k_rope", rope);
    const { key, value } = this.expand(latent);
    sowAttention(this, {
      query: reordered(query, qkNopeHeadDim),
      key: reordered(key, qkNopeHeadDim),
      value,
      scale: this.scale,
    });
  }
}

/** The first `size` elements of the last axis, and the others. */
function splitLast(x: jax.Array, size: number): [first: jax.Array, rest: jax.Array] {
  return [x.slice("...", jax.slice(0, size)), x.slice("...", jax.slice(size))];
}
