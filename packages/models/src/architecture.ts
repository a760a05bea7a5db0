/** What a family of models says of itself: all that loading and `CausalLM` need to know of it. */
import type * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { Fields } from "./json/fields.ts";
import type { RopeSettings } from "./layers/rope.ts";
import type { Step } from "./layers/step.ts";

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

export interface Architecture<Config> {
  /** What `config.json` says. @throws CheckpointError naming the key, expected and found */
  readonly parse: (fields: Fields) => Config;
  readonly rope: (config: Config) => RopeSettings;
  readonly layer: (config: Config, index: number, dtype: jax.DType) => DecoderLayer;
  /** An empty cache for one layer. */
  readonly cache: (config: Config, size: CacheSize) => nnx.Module;
}
