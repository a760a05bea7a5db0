/** Operations and bytes that a model needs for its tokens, from which MFU and MBU follow. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { architectureOf } from "../architectures.ts";
import { type CausalLM, makeCaches } from "../model.ts";
import type { QuantizedComponent } from "../weights/plan.ts";

/** Attention with a cost; attention without this interface counts as free. */
export interface CountedAttention {
  /** Operations of one query with one key, over all heads: 2 for each multiply-add. @param isFirst whether the caches were empty */
  flopsPerPair(isFirst: boolean): number;
}

/** Operations, 2 for each multiply-add, and bytes of weights and caches that are read. */
export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** Cost of tokens, computed from a config and the shapes of parameters. docs/benchmarks.md defines MFU and MBU with it. */
export class StepCost {
  /** Number of all parameters. */
  readonly parameters: number;
  /** Parameters in the products of one token: only the chosen experts, and no embedding unless it is the head. */
  readonly activeParameters: number;
  /** Active parameters of the head, which only tokens with logits use. */
  readonly headParameters: number;
  readonly weightBytes: number;
  readonly cacheBytesPerToken: number;
  /** Operations of a pair of tokens in all layers, and in the last one. */
  readonly #flopsPerPair: (isFirst: boolean) => { readonly all: number; readonly last: number };
  /** Active parameters of the last layer, and the norm behind it, that only wanted tokens go through. */
  readonly #lastLayer: (isFirst: boolean) => number;
  readonly #weights: readonly Weight[];

  constructor(model: CausalLM) {
    this.#weights = weightsOf(model);
    const { layers, norm } = model.model;
    const last = layers.at(-1);
    const flopsOf = (of: nnx.Module, isFirst: boolean): number =>
      attentionOf(of).reduce((total, attention) => total + attention.flopsPerPair(isFirst), 0);
    this.#flopsPerPair = (isFirst) => ({
      all: flopsOf(model, isFirst),
      last: last?.keyModules ? flopsOf(last, isFirst) : 0,
    });
    this.#lastLayer = (isFirst) => {
      const passed = last?.keyModules?.(isFirst);
      if (!last || !passed) return 0;
      const keys = new Set(passed.flatMap(parametersIn));
      const rest = new Set([last, norm].flatMap(parametersIn).filter((p) => !keys.has(p)));
      return sum(({ parameter, size, share }) => (rest.has(parameter) ? size * share : 0));
    };
    const sum = (of: (weight: Weight) => number): number =>
      this.#weights.reduce((total, weight) => total + of(weight), 0);
    this.parameters = sum(({ size }) => size);
    this.activeParameters = sum(({ size, use, share }) => (use === "rows" ? 0 : size * share));
    this.headParameters = sum(({ size, use }) => (use === "head" ? size : 0));
    this.weightBytes = sum(({ sizeBytes }) => sizeBytes);
    this.cacheBytesPerToken = cacheBytes(model, { batch: 1, capacity: 1 });
  }

  /**
   * One token for each row.
   * @param present tokens of each row in the caches, this one included
   * @returns the weights used (of experts as many as can be chosen), and the caches' tokens
   */
  decode(present: readonly number[]): Work {
    const batch = present.length;
    const tokens = present.reduce((sum, count) => sum + count, 0);
    return {
      flops: 2 * this.activeParameters * batch + tokens * this.#flopsPerPair(false).all,
      bytes: this.weightBytesRead(batch) + tokens * this.cacheBytesPerToken,
    };
  }

  /** Cost of prefilling tokens of one row together, with logits of the last one, the only one that the last layer is asked for. @param start tokens in the caches before them */
  prefill(tokens: number, start = 0): Work {
    const pairs = tokens * start + (tokens * (tokens + 1)) / 2;
    const { all, last } = this.#flopsPerPair(start === 0);
    const once = this.headParameters + this.#lastLayer(start === 0);
    return {
      flops: 2 * (this.activeParameters - once) * tokens + 2 * once + pairs * (all - last) + (start + tokens) * last,
      bytes: this.weightBytesRead(tokens) + (start + tokens) * this.cacheBytesPerToken,
    };
  }

  /** Upper bound on the bytes of weights that a number of tokens reads together. */
  weightBytesRead(tokens: number): number {
    return this.#weights.reduce((sum, { sizeBytes, rows, use, share }) => {
      if (use === "rows") return sum + (Math.min(tokens, rows) / rows) * sizeBytes;
      return sum + Math.min(1, tokens * share) * sizeBytes;
    }, 0);
  }
}

interface Weight {
  readonly parameter: nnx.Param;
  /** Parameters of the model: scales and zero points of quantized weights are none. */
  readonly size: number;
  readonly sizeBytes: number;
  readonly rows: number;
  /** Whether the parameter is a factor of products, not a lookup table. */
  readonly use: "product" | "head" | "rows";
  /** Fraction that one token uses. */
  readonly share: number;
}

function weightsOf(model: CausalLM): readonly Weight[] {
  const { activeShare } = architectureOf(model.config);
  const embedding = new Set(parametersIn(model.model.embed_tokens));
  const head = new Set(model.lm_head ? parametersIn(model.lm_head) : embedding);
  return [...nnx.state(model, nnx.Param)].map(([path, leaf]) => {
    const parameter = leaf as nnx.Param;
    const { size, dtype, shape, metadata } = parameter;
    const component = metadata.quantized as QuantizedComponent | undefined;
    return {
      parameter,
      size: component === undefined || component.component === "codes" ? size : 0,
      sizeBytes: size * jax.itemSizeBytes(dtype),
      rows: shape[0],
      use: head.has(parameter) ? "head" : embedding.has(parameter) ? "rows" : "product",
      share: activeShare?.(model.config, component?.weight ?? path.join(".")) ?? 1,
    };
  });
}

/** Bytes of all layers' caches of a size. */
export function cacheBytes(model: CausalLM, size: { readonly batch: number; readonly capacity: number }): number {
  const shapes = jax.evalShape(() => jax.tree.leaves(makeCaches(model.config, { ...size, dtype: model.cacheDtype })));
  return (shapes as readonly jax.ShapeDtypeStruct[]).reduce(
    (sum, { shape, dtype }) => sum + shape.reduce((a, b) => a * b, jax.itemSizeBytes(dtype)),
    0,
  );
}

const parametersIn = (module: nnx.Module): readonly nnx.Param[] =>
  [...nnx.state(module, nnx.Param)].map(([, leaf]) => leaf as nnx.Param);

const attentionOf = (module: nnx.Module): readonly CountedAttention[] =>
  [...nnx.iterModules(module)].map(([, found]) => found as unknown).filter(isCounted);

const isCounted = (module: unknown): module is CountedAttention =>
  typeof module === "object" && module !== null && "flopsPerPair" in module;
