/** Parameters without values: models are built abstract, then filled from a checkpoint. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { Axes } from "../parallel/model-mesh.ts";

/** How a parameter lies on a mesh and in a checkpoint. */
export interface ParameterOptions {
  /** What its dimensions are called where they are split over a mesh; null, and absent: not split. */
  readonly axes?: Axes;
  /** Its shape in a checkpoint, if that is another one of the same bytes. */
  readonly storedShape?: readonly number[];
}

/** A parameter of that shape and dtype without values; it takes no memory. */
export const describe = (
  shape: readonly number[],
  dtype: jax.DType,
  { axes, storedShape }: ParameterOptions = {},
): nnx.Param => {
  const metadata = { ...(axes && { outSharding: axes }), ...(storedShape && { storedShape }) };
  return new nnx.Param(new jax.ShapeDtypeStruct(shape, dtype), metadata) as nnx.Param<unknown> as nnx.Param;
};
