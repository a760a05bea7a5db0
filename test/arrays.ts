/** Arrays for tests. */
import { type Array, numpy as jnp } from "jaxscale";

/** 0, 1, 2, … in a shape, float32. */
export const rangeOf = (...shape: number[]): Array =>
  jnp
    .arange(
      shape.reduce((a, b) => a * b, 1),
      { dtype: "float32" },
    )
    .reshape(shape);
