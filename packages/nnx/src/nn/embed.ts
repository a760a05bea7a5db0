/** Embedding tables. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import type { Rngs } from "../rngs.ts";
import { type Initializer, Param, type VariableMetadata } from "../variable.ts";
import { type DtypeOptions, promote } from "./promote.ts";

const defaultInit = jax.nn.initializers.varianceScaling(1, "fanIn", "normal", { outAxis: 0 });

/** Options of an `Embed`. */
export interface EmbedOptions extends DtypeOptions {
  readonly embeddingInit?: Initializer;
  readonly embeddingMetadata?: VariableMetadata;
  readonly rngs: Rngs;
}

/** An embedding table. `embedding` [numEmbeddings, features]. */
export class Embed extends Module {
  readonly embedding: Param;
  readonly numEmbeddings: number;
  readonly features: number;
  readonly dtype: jax.DType;

  /** @param options `dtype` is that of the table if absent */
  constructor(numEmbeddings: number, features: number, options: EmbedOptions) {
    super();
    const { dtype, paramDtype = "float32", embeddingInit = defaultInit, embeddingMetadata, rngs } = options;
    this.embedding = new Param(embeddingInit(rngs.params(), [numEmbeddings, features], paramDtype), embeddingMetadata);
    this.numEmbeddings = numEmbeddings;
    this.features = features;
    this.dtype = dtype ?? this.embedding.dtype;
  }

  /**
   * Rows of the table, one for each index.
   * @param indices integers of any shape; negative ones count from the end, out-of-range ones return NaN
   * @returns `[...indices, features]` @throws DTypeError for indices that are not integers
   */
  call(indices: jax.Array): jax.Array {
    if (!indices.dtype.includes("int"))
      throw new jax.DTypeError(`Embed: indices must be integers; got ${indices.dtype}[${indices.shape.join(",")}]`);
    const table = jax.numpy.asarray(this.embedding, { dtype: this.dtype });
    if (this.numEmbeddings === 1) return jax.numpy.broadcastTo(table, [...indices.shape, this.features]);
    return jax.numpy.take(table, indices, { axis: 0 });
  }

  /** Dot products of queries with all embeddings, for tied output layers. @param query `[..., features]` @returns `[..., numEmbeddings]` */
  attend(query: jax.Array): jax.Array {
    const [input, table] = promote("Embed.attend", [query, this.embedding], this.dtype);
    return input.dot(table.T);
  }
}
