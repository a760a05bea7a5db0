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
