/** Weights of few bits, which stand where a parameter of floats would. */
import * as jax from "jaxscale";
import { Module } from "./module.ts";
import type { Param, VariableMetadata } from "./variable.ts";

/** The arrays of a `QuantizedWeight`. */
export interface QuantizedWeightParts {
  /** `[…, out, in]`, of an integer dtype or float8_e4m3fn. */
  readonly codes: Param;
  /** `[…, out, groups]`. */
  readonly scales: Param;
  /** `[…, out, groups]`: the code that means 0; 0 if absent. */
  readonly zeros?: Param | null;
  /** `[…, out, groups]`: added after the scale; 0 if absent. */
  readonly biases?: Param | null;
  /** `[…, 1, in]`, int32: the group of each input; if absent, `groupSize` inputs after each other share one. */
  readonly groupIndex?: Param | null;
  /** `[values]`: what each code stands for, if not for itself. */
  readonly codebook?: Param | null;
}

/** Options of a `QuantizedWeight`. */
export interface QuantizedWeightOptions {
  /** Inputs that share a scale; the last group may be shorter. */
  readonly groupSize: number;
  /** Dtype that values are rounded to before all else, if they are defined so. */
  readonly roundedTo?: jax.DType;
  /** Dtype of the weight as a value; float32 if absent. */
  readonly dtype?: jax.DType;
  /** That of the parameter that it stands for, such as how its dimensions are split over a mesh. */
  readonly metadata?: VariableMetadata;
}

/**
 * A weight of codes and scales: `(codes - zeros) · scales + biases`, groups of inputs sharing a scale; with a codebook codes
 * are places in it. It takes the place of a `Param` in a
 * layer: array functions accept it, `get` gives its value. The value is ordinary arithmetic on the codes, which the compiler fuses into the
 * product that uses it: the floats are never in memory.
 *
 * ```ts
 * linear.weight = new nnx.QuantizedWeight({ codes, scales }, { groupSize: 32 });
 * ```
 */
export class QuantizedWeight extends Module implements jax.ArrayHolder {
  readonly codes: Param;
  readonly scales: Param;
  readonly zeros: Param | null;
  readonly biases: Param | null;
  readonly groupIndex: Param | null;
  readonly codebook: Param | null;
  readonly groupSize: number;
  readonly roundedTo: jax.DType | undefined;
  readonly dtype: jax.DType;
  readonly metadata: VariableMetadata;

  constructor(
    { codes, scales, zeros = null, biases = null, groupIndex = null, codebook = null }: QuantizedWeightParts,
    { groupSize, roundedTo, dtype = "float32", metadata = {} }: QuantizedWeightOptions,
  ) {
    super();
    this.codes = codes;
    this.scales = scales;
    this.zeros = zeros;
    this.biases = biases;
    this.groupIndex = groupIndex;
    this.codebook = codebook;
    this.groupSize = groupSize;
    this.roundedTo = roundedTo;
    this.dtype = dtype;
    this.metadata = metadata;
  }

  get shape(): readonly number[] {
    return this.codes.shape;
  }
  get ndim(): number {
    return this.shape.length;
  }
  get size(): number {
    return this.codes.size;
  }

  /** The weight, `[…, out, in]`, rounded to its dtype. */
  get(): jax.Array {
    return this.wide().astype(this.dtype);
  }

  /** The weight in float32, not rounded to its dtype. */
  wide(): jax.Array {
    const { zeros, biases, roundedTo } = this;
    const values = this.codeValues();
    const centred = zeros ? values.sub(this.spread(zeros)) : values;
    const scaled = centred.mul(this.spread(this.scales));
    const sum = biases ? scaled.add(this.spread(biases)) : scaled;
    return roundedTo ? sum.astype(roundedTo).astype("float32") : sum;
  }

  get [jax.heldArray](): jax.Array {
    return this.get();
  }

  /** What codes stand for, in float32. */
  private codeValues(): jax.Array {
    const codes = this.codes.get();
    if (!this.codebook) return codes.astype("float32");
    return jax.numpy.take(this.codebook.get().astype("float32"), codes.astype("int32"), { mode: "clip" });
  }

  /** Values of groups as values of inputs. */
  private spread(param: Param): jax.Array {
    const values = param.get().astype("float32");
    const inputs = this.shape.at(-1) as number;
    const groups = values.shape.at(-1) as number;
    if (this.groupIndex) return jax.numpy.takeAlongAxis(values, this.groupIndex, { axis: -1, mode: "clip" });
    if (groups === 1) return values;
    const repeated = jax.numpy.repeat(values, this.groupSize, { axis: -1 });
    return groups * this.groupSize === inputs ? repeated : repeated.slice("...", jax.slice(0, inputs));
  }
}
