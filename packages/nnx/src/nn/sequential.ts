/** Layers applied in sequence. */
import type * as jax from "jaxscale";
import { List } from "../containers.ts";
import { Module } from "../module.ts";

/** A module that maps arrays to arrays. */
export interface CallableModule extends Module {
  call(...inputs: jax.Array[]): jax.Array | readonly jax.Array[];
}
/** A module with a method `call`, or a function. */
export type SequentialLayer = CallableModule | ((...inputs: jax.Array[]) => jax.Array | readonly jax.Array[]);

/** Applies layers in sequence; a list of results becomes the arguments of the next layer. Without layers, the identity. */
export class Sequential extends Module {
  readonly layers: List<SequentialLayer>;

  constructor(...layers: readonly SequentialLayer[]) {
    super();
    this.layers = new List(layers);
  }

  /** Applies the layers in sequence; a list of results becomes the arguments of the next layer. */
  call(...inputs: jax.Array[]): jax.Array {
    let values: readonly jax.Array[] = inputs;
    for (const layer of this.layers)
      values = [layer instanceof Module ? layer.call(...values) : layer(...values)].flat();
    return values[0];
  }
}
