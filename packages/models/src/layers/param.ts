/** Parameters without values: models are built abstract, then filled from a checkpoint. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { Axes } from "../parallel/model-mesh.ts";
import type { QuantizedComponent } from "../weights/plan.ts";

/** How a parameter lies on a mesh and in a checkpoint. */
export interface ParameterOptions {
  /** What its dimensions are called where they are split over a mesh; null, and absent: not split. */
  readonly axes?: Axes;
  /** Its shape in a checkpoint, if that is another one of the same bytes. */
  readonly storedShape?: readonly number[];
  /** Whether it is never quantized while loading, such as the weight of a router. */
  readonly keepsFloats?: boolean;
  /** Which component of a quantized weight it is. */
  readonly quantized?: QuantizedComponent;
}

/** A factor of products: a parameter, or in its place a quantized weight. */
export type Weight = nnx.Param | nnx.QuantizedWeight;

/** A weight as a factor of a product that is summed in float32: quantized ones are not rounded to the model's dtype. */
export const wideOf = (weight: Weight): jax.Array =>
  weight instanceof nnx.QuantizedWeight ? weight.wide() : weight.get();

/** A parameter of that shape and dtype without values; it takes no memory. */
export const describe = (
  shape: readonly number[],
  dtype: jax.DType,
  { axes, storedShape, keepsFloats, quantized }: ParameterOptions = {},
): nnx.Param => {
  const metadata = {
    ...(axes && { outSharding: axes }),
    ...(storedShape && { storedShape }),
    ...(keepsFloats && { keepsFloats }),
    ...(quantized && { quantized }),
  };
  return new nnx.Param(new jax.ShapeDtypeStruct(shape, dtype), metadata) as nnx.Param<unknown> as nnx.Param;
};
