/** What the layers of one forward pass share. */
import * as jax from "jaxscale";
import { type RopeSettings, type Rotation, rotationAt } from "./rope.ts";

/** Rows are sequences that begin at place 0 of their caches: shorter ones have padding behind them, never before. */
export interface Step {
  /** Place of each row's first query, int32 `[B]`. */
  readonly start: jax.Array;
  /** Tokens of each row once this step's are there, int32 `[B]`; what lies behind is not seen. */
  readonly lengths: jax.Array;
  readonly rotation: Rotation;
  /** Whether no row has tokens before this step. */
  readonly isFirst: boolean;
}

/** A step of `count` tokens a row. @param start int32 `[B]` */
export function stepAt(start: jax.Array, count: number, rope: RopeSettings, isFirst: boolean): Step {
  const places = jax.numpy.arange(count, { dtype: "int32" });
  const positions = jax.numpy.expandDims(start, 1).add(jax.numpy.expandDims(places, 0));
  return { start, lengths: start.add(count), rotation: rotationAt(positions, rope), isFirst };
}
