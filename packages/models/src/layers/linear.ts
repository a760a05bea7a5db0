/** Linear layers in the layout of checkpoints: `weight [out, in]`. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import type { LogicalAxis } from "../parallel/model-mesh.ts";
import { describe, type Weight, wideOf } from "./param.ts";

export interface LinearOptions {
  readonly dtype: jax.DType;
  readonly bias?: boolean;
  /** What outputs and inputs are called where they are split over a mesh. */
  readonly out?: LogicalAxis;
  readonly in?: LogicalAxis;
}

/** x Wᵀ + b, summed in float32 and rounded once. */
export class Linear extends nnx.Module {
  readonly weight: Weight;
  readonly bias: nnx.Param | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions) {
    super();
    const { dtype, bias = false, out = null, in: input = null } = options;
    this.weight = describe([outFeatures, inFeatures], dtype, { axes: [out, input] });
    this.bias = bias ? describe([outFeatures], dtype, { axes: [out] }) : null;
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
export const matmulTransposed = (x: jax.Array, weight: Weight): jax.Array =>
  jax.numpy.einsum("...i,oi->...o", x, wideOf(weight), { preferredElementType: "float32" });

/** Two linear layers of the same size in one matrix, which a checkpoint stores one behind the other: `[2·out, in]`. */
export class LinearPair extends nnx.Module {
  /** `[2, out, in]`: a mesh splits `out`, so that each device has its part of both. */
  readonly weight: Weight;

  constructor(inFeatures: number, outFeatures: number, { dtype, out }: Omit<LinearOptions, "bias" | "in">) {
    super();
    const storedShape = [2 * outFeatures, inFeatures];
    this.weight = describe([2, outFeatures, inFeatures], dtype, { axes: [null, out ?? null, null], storedShape });
  }

  /** Both products. @param x `[…, in]` @returns `[…, out]` each, of x's dtype */
  call(x: jax.Array): [jax.Array, jax.Array] {
    const wide = jax.numpy.einsum("...i,poi->...po", x, wideOf(this.weight), { preferredElementType: "float32" });
    const both = wide.astype(x.dtype);
    return [both.slice("...", 0, ":"), both.slice("...", 1, ":")];
  }
}

/** A row for each token id. */
export class Embedding extends nnx.Module {
  readonly weight: Weight;

  constructor(numEmbeddings: number, features: number, dtype: jax.DType) {
    super();
    this.weight = describe([numEmbeddings, features], dtype, { axes: ["vocab", null] });
  }

  /** Rows of the table. @param ids int32 `[…]` @returns `[…, features]` */
  call(ids: jax.Array): jax.Array {
    return jax.numpy.take(this.weight, ids, { axis: 0, mode: "clip" });
  }
}
