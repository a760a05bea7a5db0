/** Linear layers in the layout of checkpoints: `weight [out, in]`. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { describe } from "./param.ts";

export interface LinearOptions {
  readonly dtype: jax.DType;
  readonly bias?: boolean;
}

/** x Wᵀ + b, summed in float32 and rounded once. */
export class Linear extends nnx.Module {
  readonly weight: nnx.Param;
  readonly bias: nnx.Param | null;

  constructor(inFeatures: number, outFeatures: number, { dtype, bias = false }: LinearOptions) {
    super();
    this.weight = describe([outFeatures, inFeatures], dtype);
    this.bias = bias ? describe([outFeatures], dtype) : null;
  }

  /** x Wᵀ + b. @param x `[…, in]` @returns `[…, out]`, of x's dtype */
  call(x: jax.Array): jax.Array {
    return this.wide(x).astype(x.dtype);
  }

  /** The same before it is rounded: float32. */
  wide(x: jax.Array): jax.Array {
    const y = matmulTransposed(x, this.weight);
    return this.bias ? y.add(this.bias) : y;
  }
}

/** x Wᵀ in float32: `[…, in]` with `[out, in]`. */
export const matmulTransposed = (x: jax.Array, weight: jax.ArrayLike): jax.Array =>
  jax.numpy.einsum("...i,oi->...o", x, weight, { preferredElementType: "float32" });

/** A row for each token id. */
export class Embedding extends nnx.Module {
  readonly weight: nnx.Param;

  constructor(numEmbeddings: number, features: number, dtype: jax.DType) {
    super();
    this.weight = describe([numEmbeddings, features], dtype);
  }

  /** Rows of the table. @param ids int32 `[…]` @returns `[…, features]` */
  call(ids: jax.Array): jax.Array {
    return jax.numpy.take(this.weight, ids, { axis: 0, mode: "clip" });
  }
}
