/** Linear layers over the last axis, or over several axes. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import type { Rngs } from "../rngs.ts";
import { Annotated, type Initializer, Param, type VariableMetadata } from "../variable.ts";
import { checkFeatures, type DtypeOptions, promote } from "./promote.ts";

const { initializers } = jax.nn;
export const defaultKernelInit = initializers.lecunNormal();

/** Options of a `Linear`. */
export interface LinearOptions extends DtypeOptions {
  readonly useBias?: boolean;
  readonly kernelInit?: Initializer;
  readonly biasInit?: Initializer;
  readonly kernelMetadata?: VariableMetadata;
  readonly biasMetadata?: VariableMetadata;
  /** Accumulation and result dtype of the product, such as float32 for bfloat16 operands. */
  readonly preferredElementType?: jax.DType | null;
  readonly rngs: Rngs;
}

/** `y = x kernel + bias` over the last axis. `kernel` [in, out], `bias` [out]. */
export class Linear extends Module {
  readonly kernel: Param;
  readonly bias: Param | null;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly dtype: jax.DType | null;
  readonly preferredElementType: jax.DType | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions) {
    super();
    const { useBias = true, dtype = null, paramDtype = "float32", preferredElementType = null, rngs } = options;
    const { kernelInit = defaultKernelInit, biasInit = initializers.zeros, kernelMetadata, biasMetadata } = options;
    this.kernel = new Param(kernelInit(rngs.params(), [inFeatures, outFeatures], paramDtype), kernelMetadata);
    this.bias = useBias ? new Param(biasInit(rngs.params(), [outFeatures], paramDtype), biasMetadata) : null;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.dtype = dtype;
    this.preferredElementType = preferredElementType;
  }

  /** x · kernel + bias. @param x `[..., in]` @returns `[..., out]` @throws ShapeError */
  call(x: jax.Array): jax.Array {
    // Within shardMap the kernel may be a part of the whole one.
    checkFeatures("Linear", x, this.kernel.shape[0]);
    const [input, kernel, bias] = promote("Linear", [x, this.kernel, this.bias], this.dtype);
    const y = jax.lax.dotGeneral(input, kernel, lastAndFirst(x.ndim), {
      preferredElementType: this.preferredElementType,
    });
    return bias === null ? y : y.add(bias);
  }
}

const lastAndFirst = (rank: number): Parameters<typeof jax.lax.dotGeneral>[2] => [
  [[rank - 1], [0]],
  [[], []],
];

/** Options of a `LinearGeneral`. */
export interface LinearGeneralOptions extends LinearOptions {
  /** Axes of the input to contract; the last if absent. */
  readonly axis?: number | readonly number[];
}

/** A linear layer over several axes. `kernel` [...in, ...out], `bias` [...out]. */
export class LinearGeneral extends Module {
  readonly kernel: Param;
  readonly bias: Param | null;
  readonly inFeatures: readonly number[];
  readonly outFeatures: readonly number[];
  readonly axis: readonly number[];
  readonly dtype: jax.DType | null;
  readonly preferredElementType: jax.DType | null;

  /** @throws ShapeError unless there is one axis for each of `inFeatures` */
  constructor(
    inFeatures: number | readonly number[],
    outFeatures: number | readonly number[],
    options: LinearGeneralOptions,
  ) {
    super();
    const {
      useBias = true,
      dtype = null,
      paramDtype = "float32",
      preferredElementType = null,
      axis = -1,
      rngs,
    } = options;
    const { kernelInit = defaultKernelInit, biasInit = initializers.zeros, kernelMetadata, biasMetadata } = options;
    this.inFeatures = [inFeatures].flat();
    this.outFeatures = [outFeatures].flat();
    this.axis = [axis].flat();
    if (this.axis.length !== this.inFeatures.length)
      throw new jax.ShapeError(
        `LinearGeneral: there must be one axis for each input feature; got axes [${this.axis}] for features [${this.inFeatures}]`,
      );
    const shape = [...this.inFeatures, ...this.outFeatures];
    // Initializers compute fan-in and fan-out of a matrix.
    const [inputs, outputs] = [sizeOf(this.inFeatures), sizeOf(this.outFeatures)];
    this.kernel = new Param(reshaped(kernelInit(rngs.params(), [inputs, outputs], paramDtype), shape), kernelMetadata);
    this.bias = useBias
      ? new Param(reshaped(biasInit(rngs.params(), [outputs], paramDtype), this.outFeatures), biasMetadata)
      : null;
    this.dtype = dtype;
    this.preferredElementType = preferredElementType;
  }

  /**
   * Contracts x with the kernel over `axis` and adds the bias.
   * @returns an array of the axes that are not contracted, then the output features
   * @throws ShapeError
   */
  call(x: jax.Array): jax.Array {
    const axes = this.axis.map((axis) => (axis < 0 ? axis + x.ndim : axis));
    if (axes.some((axis, i) => x.shape[axis] !== this.inFeatures[i]))
      throw new jax.ShapeError(
        `LinearGeneral: axes [${this.axis}] of the input must have sizes [${this.inFeatures}]; got ${x.dtype}[${x.shape.join(",")}]`,
      );
    const [input, kernel, bias] = promote("LinearGeneral", [x, this.kernel, this.bias], this.dtype);
    const numbers: Parameters<typeof jax.lax.dotGeneral>[2] = [
      [axes, [...axes.keys()]],
      [[], []],
    ];
    const y = jax.lax.dotGeneral(input, kernel, numbers, { preferredElementType: this.preferredElementType });
    return bias === null ? y : y.add(bias);
  }
}

const sizeOf = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

const reshaped = (value: jax.Array | Annotated<jax.Array>, shape: readonly number[]): typeof value =>
  value instanceof Annotated ? new Annotated(value.value.reshape(shape), value.metadata) : value.reshape(shape);
