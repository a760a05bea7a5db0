/** The interface of a model family to loading and `CausalLM`. */
import type * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { Fields } from "./json/fields.ts";
import type { RopeSettings } from "./layers/rope.ts";
import type { Step } from "./layers/step.ts";
import type { SplitSizes } from "./parallel/parallelism.ts";
import type { StackingRule } from "./weights/parts.ts";
import type { IgnoreRule } from "./weights/plan.ts";

/** A decoder layer; its cache has the type of its family. */
export interface DecoderLayer extends nnx.Module {
  /**
   * @param x `[B,T,H]` @param cache of earlier tokens, updated in place; without it the layer attends within x only
   * @returns `[B,T,H]`, or `[B,1,H]` where one token a row is wanted (`wantedOf`)
   */
  call(x: jax.Array, step: Step, cache?: nnx.Module): jax.Array;
  /** Modules that all tokens go through, also those that are not wanted. Absent: all modules. @param isFirst whether the caches were empty */
  keyModules?(isFirst: boolean): readonly nnx.Module[];
}

/** Sizes of a cache. */
export interface CacheSize {
  readonly batch: number;
  /** Tokens a row. */
  readonly capacity: number;
  readonly dtype: jax.DType;
}

/** A model family, as loading, generation, cost and verification see it. */
export interface Architecture<Config> {
  /** Parses `config.json`. @throws CheckpointError naming the key, expected and found */
  readonly parse: (fields: Fields) => Config;
  readonly rope: (config: Config) => RopeSettings;
  readonly layer: (config: Config, index: number, dtype: jax.DType) => DecoderLayer;
  /** An empty cache for one layer. */
  readonly cache: (config: Config, size: CacheSize) => nnx.Module;
  /** Sizes that tensor and expert parallelism split; if absent, the family knows neither. */
  readonly splits?: (config: Config) => SplitSizes;
  /** Checkpoint keys that the model does not use; none if absent. */
  readonly ignoredKeys?: (config: Config) => IgnoreRule;
  /** Parameters that are stacked from several tensors on disk; none if absent. */
  readonly stacked?: StackingRule;
  /**
   * Fraction of a parameter that one token uses, from 0 to 1: for stacked experts, the fraction that the router chooses.
   * 1 if absent.
   * @param name its path in the model, `model.layers.3.mlp.experts.down_proj`
   */
  readonly activeShare?: (config: Config, name: string) => number;
  /** Names of the two forms of attention, if prefill computes a different form than decoding. */
  readonly attentionForms?: { readonly first: string; readonly cached: string };
}
