/** RMS normalisation. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { describe } from "./param.ts";

/** w · round(x / √(mean(x²) + eps)): statistics and scaling in float32, rounded to x's dtype before the weight and after. */
export class RMSNorm extends nnx.Module {
  readonly weight: nnx.Param;
  readonly eps: number;

  constructor(features: number, eps: number, dtype: jax.DType) {
    super();
    this.weight = describe([features], dtype);
    this.eps = eps;
  }

  /** x / √(mean of x² + eps), rounded to x's dtype, · weight. @param x `[…, features]` */
  call(x: jax.Array): jax.Array {
    const wide = x.astype("float32");
    const meanSquare = wide.mul(wide).mean({ axis: -1, keepdims: true });
    const scaled = wide.mul(jax.lax.rsqrt(meanSquare.add(this.eps)));
    const normed = scaled.astype(x.dtype).mul(this.weight);
    this.sow(nnx.Intermediate, "normed", normed);
    return normed;
  }
}
