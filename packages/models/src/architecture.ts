/** What a family of models says of itself: all that loading and `CausalLM` need to know of it. */
import type * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { Fields } from "./json/fields.ts";
import type { RopeSettings } from "./layers/rope.ts";
import type { Step } from "./layers/step.ts";
import type { IgnoreRule, StackingRule } from "./weights/plan.ts";

/** One layer; its cache is of the kind that its family makes. */
export interface DecoderLayer extends nnx.Module {
  /** @param x `[B,T,H]` @param cache what the layer keeps of earlier tokens; written to. Without it x is all there is */
  call(x: jax.Array, step: Step, cache?: nnx.Module): jax.Array;
}

/** Sizes of a cache. */
export interface CacheSize {
  readonly batch: number;
  /** Tokens a row. */
  readonly capacity: number;
  readonly dtype: jax.DType;
}

/** A family of models. Loading, generation, cost and verification know nothing of a family but this. */
export interface Architecture<Config> {
  /** What `config.json` says. @throws CheckpointError naming the key, expected and found */
  readonly parse: (fields: Fields) => Config;
  readonly rope: (config: Config) => RopeSettings;
  readonly layer: (config: Config, index: number, dtype: jax.DType) => DecoderLayer;
  /** An empty cache for one layer. */
  readonly cache: (config: Config, size: CacheSize) => nnx.Module;
  /** Keys that its checkpoints hold and the model does not use. None if absent. */
  readonly ignoredKeys?: (config: Config) => IgnoreRule;
  /** Parameters that lie in parts on disk. None if absent. */
  readonly stacked?: StackingRule;
  /**
   * Share of a parameter that one token is multiplied with, from 0 to 1: of stacked experts those that the router chooses.
   * 1 if absent.
   * @param name its path in the model, `model.layers.3.mlp.experts.down_proj`
   */
  readonly activeShare?: (config: Config, name: string) => number;
  /** Names of the two forms of attention, where a first step computes another one than a step that reads its caches. */
  readonly attentionForms?: { readonly first: string; readonly cached: string };
}
