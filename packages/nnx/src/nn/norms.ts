/** Normalization over the last axis, with statistics in float32. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import type { Rngs } from "../rngs.ts";
import { type Initializer, Param, type VariableMetadata } from "../variable.ts";
import { checkFeatures, type DtypeOptions, promote } from "./promote.ts";

const { lax, numpy: jnp } = jax;
const { ones, zeros } = jax.nn.initializers;

/** Options of an `RMSNorm`. */
export interface RMSNormOptions extends DtypeOptions {
  /** Added to the mean square; 1e-6 if absent. */
  readonly epsilon?: number;
  readonly useScale?: boolean;
  readonly scaleInit?: Initializer;
  readonly scaleMetadata?: VariableMetadata;
  readonly rngs: Rngs;
}

const meanOf = (x: jax.Array): jax.Array => jnp.mean(x, { axis: -1, keepdims: true });

/**
 * `y = x / √(mean(x²) + ε) · scale` over the last axis, computed in float32. `scale` [features].
 * @see https://arxiv.org/abs/1910.07467
 */
export class RMSNorm extends Module {
  readonly scale: Param | null;
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly dtype: jax.DType | null;

  constructor(numFeatures: number, options: RMSNormOptions) {
    super();
    const {
      dtype = null,
      paramDtype = "float32",
      epsilon = 1e-6,
      useScale = true,
      scaleInit = ones,
      scaleMetadata,
      rngs,
    } = options;
    this.scale = useScale ? new Param(scaleInit(rngs.params(), [numFeatures], paramDtype), scaleMetadata) : null;
    this.numFeatures = numFeatures;
    this.epsilon = epsilon;
    this.dtype = dtype;
  }

  /**
   * x / √(mean of x² + epsilon) · scale, over the last axis.
   * @param x `[..., features]`
   * @returns the same shape, in the promoted dtype
   * @throws ShapeError
   */
  call(x: jax.Array): jax.Array {
    checkFeatures("RMSNorm", x, this.numFeatures);
    const [input, scale] = promote("RMSNorm", [x, this.scale], this.dtype);
    const wide = input.astype("float32");
    const inverse = lax.rsqrt(meanOf(lax.square(wide)).add(this.epsilon));
    return wide.mul(scale === null ? inverse : inverse.mul(scale)).astype(input.dtype);
  }
}

/** Options of a `LayerNorm`. */
export interface LayerNormOptions extends RMSNormOptions {
  readonly useBias?: boolean;
  readonly biasInit?: Initializer;
  readonly biasMetadata?: VariableMetadata;
  /** Variance as `mean(x²) − mean(x)²`, in one pass; true if absent. */
  readonly useFastVariance?: boolean;
}

/**
 * `y = (x − mean(x)) / √(var(x) + ε) · scale + bias` over the last axis, computed in float32. `scale`, `bias` [features].
 * @see https://arxiv.org/abs/1607.06450
 */
export class LayerNorm extends Module {
  readonly scale: Param | null;
  readonly bias: Param | null;
  readonly numFeatures: number;
  readonly epsilon: number;
  readonly useFastVariance: boolean;
  readonly dtype: jax.DType | null;

  constructor(numFeatures: number, options: LayerNormOptions) {
    super();
    const { dtype = null, paramDtype = "float32", epsilon = 1e-6, useFastVariance = true, rngs } = options;
    const {
      useScale = true,
      scaleInit = ones,
      scaleMetadata,
      useBias = true,
      biasInit = zeros,
      biasMetadata,
    } = options;
    this.scale = useScale ? new Param(scaleInit(rngs.params(), [numFeatures], paramDtype), scaleMetadata) : null;
    this.bias = useBias ? new Param(biasInit(rngs.params(), [numFeatures], paramDtype), biasMetadata) : null;
    this.numFeatures = numFeatures;
    this.epsilon = epsilon;
    this.useFastVariance = useFastVariance;
    this.dtype = dtype;
  }

  /**
   * (x - mean) / √(variance + epsilon) · scale + bias, over the last axis.
   * @param x `[..., features]`
   * @returns the same shape, in the promoted dtype
   * @throws ShapeError
   */
  call(x: jax.Array): jax.Array {
    checkFeatures("LayerNorm", x, this.numFeatures);
    const [input, scale, bias] = promote("LayerNorm", [x, this.scale, this.bias], this.dtype);
    const wide = input.astype("float32");
    const mean = meanOf(wide);
    const variance = this.useFastVariance
      ? // Rounding may leave a negative difference.
        jnp.maximum(0, meanOf(lax.square(wide)).sub(lax.square(mean)))
      : meanOf(lax.square(wide.sub(mean)));
    const inverse = lax.rsqrt(variance.add(this.epsilon));
    const y = wide.sub(mean).mul(scale === null ? inverse : inverse.mul(scale));
    return (bias === null ? y : y.add(bias)).astype(input.dtype);
  }
}
