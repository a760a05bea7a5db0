/** Parameters without values: models are built abstract, then filled from a checkpoint. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

/** A parameter of that shape and dtype without values; it takes no memory. */
export const describe = (shape: readonly number[], dtype: jax.DType): nnx.Param =>
  new nnx.Param(new jax.ShapeDtypeStruct(shape, dtype)) as nnx.Param<unknown> as nnx.Param;
