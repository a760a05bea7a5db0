/** Attention with fewer key and value heads than query heads. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import { attend } from "./attend.ts";
import type { KeyValueCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { rotate } from "./rope.ts";
import { sowAll, sowAttention } from "./sow.ts";
import { queryStep, type Step, wantedOf } from "./step.ts";

/** Sizes of a `GqaAttention`. */
export interface GqaSizes {
  readonly hiddenSize: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly attentionBias: boolean;
}

/** softmax(q kᵀ / √D) v: query head n uses key and value head n // (N / K). */
export class GqaAttention extends nnx.Module {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly headDim: number;

  constructor(sizes: GqaSizes, dtype: jax.DType) {
    super();
    const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim, attentionBias } = sizes;
    const projection = (heads: number, out: "heads" | "kv_heads"): Linear =>
      new Linear(hiddenSize, heads * headDim, { dtype, bias: attentionBias, out });
    this.q_proj = projection(numAttentionHeads, "heads");
    this.k_proj = projection(numKeyValueHeads, "kv_heads");
    this.v_proj = projection(numKeyValueHeads, "kv_heads");
    // Never a bias, whatever attention_bias says.
    this.o_proj = new Linear(numAttentionHeads * headDim, hiddenSize, { dtype, in: "heads" });
    this.headDim = headDim;
  }

  /**
   * Attends from each wanted token to itself and those before it.
   * @param x `[B,T,H]`
   * @param cache with this layer's earlier keys and values; without it attention is within x only
   */
  call(x: jax.Array, step: Step, cache?: KeyValueCache): jax.Array {
    const [asking, asked] = [wantedOf(x, step), queryStep(step)];
    const [q, k, v] = [this.q_proj.call(asking), this.k_proj.call(x), this.v_proj.call(x)];
    sowAll(this, { q_proj: q, k_proj: k, v_proj: v });
    const query = rotate(this.heads(q), asked.rotation);
    const key = rotate(this.heads(k), step.rotation);
    const value = this.heads(v);
    sowAttention(this, { query, key, value, scale: this.headDim ** -0.5 });
    const keys = cache ? cache.keys.append(key, step.start) : key;
    const values = cache ? cache.values.append(value, step.start) : value;
    const attended = attend(query, keys, values, { scale: this.headDim ** -0.5, step: asked });
    const joined = attended.reshape(...asking.shape.slice(0, 2), -1);
    this.sow(nnx.Intermediate, "o_proj_in", joined);
    return this.o_proj.call(joined);
  }

  /** What tokens go through to be attended to. */
  keyModules(): readonly nnx.Module[] {
    return [this.k_proj, this.v_proj];
  }

  /** Operations of one query with one key, in all heads: q · k, and p v. */
  flopsPerPair(): number {
    const [, width] = this.o_proj.weight.shape;
    return 4 * width;
  }

  /** `[B,T,heads·D]` → `[B,T,heads,D]` */
  private heads(x: jax.Array): jax.Array {
    return x.reshape(...x.shape.slice(0, 2), -1, this.headDim);
  }
}
