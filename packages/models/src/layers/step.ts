/** State shared by the layers of one forward pass. */
import * as jax from "jaxscale";
import type { ModelMesh } from "../parallel/model-mesh.ts";
import { type RopeSettings, type Rotation, rotationAt } from "./rope.ts";

/** One forward pass. Rows are sequences that begin at position 0 of their caches; shorter ones are padded at the end. */
export interface Step {
  /** Position of the first query of each row, int32 `[B]`. */
  readonly start: jax.Array;
  /** Tokens of each row, including those of this step, int32 `[B]`; later cache entries are masked. */
  readonly lengths: jax.Array;
  readonly rotation: Rotation;
  /** Whether no row has tokens before this step. */
  readonly isFirst: boolean;
  /** What the model is split over; null on one device. */
  readonly mesh: ModelMesh | null;
  /** Of the last layer, the one token of each row whose state is wanted; absent: all are. */
  readonly wanted?: Wanted;
}

/** A token of each row. */
export interface Wanted {
  /** Its place among the tokens of the step, int32 `[B]`. */
  readonly place: jax.Array;
  /** The step of that token alone. */
  readonly step: Step;
}

/** A step of `count` tokens a row. @param start int32 `[B]` */
export function stepAt(
  start: jax.Array,
  count: number,
  rope: RopeSettings,
  { isFirst, mesh = null }: { readonly isFirst: boolean; readonly mesh?: ModelMesh | null },
): Step {
  const places = jax.numpy.arange(count, { dtype: "int32" });
  const positions = jax.numpy.expandDims(start, 1).add(jax.numpy.expandDims(places, 0));
  return { start, lengths: start.add(count), rotation: rotationAt(positions, rope), isFirst, mesh };
}

/** The states of wanted tokens: of all, or `[B,1,…]`. @param x `[B,T,…]`; states of one token a row are wanted already */
export function wantedOf(x: jax.Array, { wanted }: Step): jax.Array {
  const [batch, count, ...rest] = x.shape;
  if (!wanted || count === 1) return x;
  return jax.numpy.takeAlongAxis(x, wanted.place.reshape(batch, 1, ...rest.map(() => 1)), { axis: 1 });
}

/** The step of wanted tokens: what queries are made with, where all tokens are keys. */
export const queryStep = (step: Step): Step => step.wanted?.step ?? step;
