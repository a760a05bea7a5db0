/** Einstein sums of an input and a learned kernel. */
import * as jax from "jaxscale";
import { Module } from "../module.ts";
import { Param } from "../variable.ts";
import { defaultKernelInit, type LinearOptions } from "./linear.ts";
import { promote } from "./promote.ts";

/** Options of an `Einsum`. */
export interface EinsumOptions extends Omit<LinearOptions, "useBias"> {
  /** No bias if absent. */
  readonly biasShape?: readonly number[] | null;
}

/** `einsum(equation, x, kernel) + bias`; the bias spans the axes of the result that come from the kernel. */
export class Einsum extends Module {
  readonly kernel: Param;
  readonly bias: Param | null;
  readonly equation: string;
  readonly dtype: jax.DType | null;
  readonly preferredElementType: jax.DType | null;

  /** @throws ShapeError unless the equation has two operands and a result: `"nta,hab->nthb"` */
  constructor(equation: string, kernelShape: readonly number[], options: EinsumOptions) {
    super();
    const { dtype = null, paramDtype = "float32", preferredElementType = null, biasShape = null, rngs } = options;
    const {
      kernelInit = defaultKernelInit,
      biasInit = jax.nn.initializers.zeros,
      kernelMetadata,
      biasMetadata,
    } = options;
    parse(equation);
    this.kernel = new Param(kernelInit(rngs.params(), kernelShape, paramDtype), kernelMetadata);
    this.bias = biasShape === null ? null : new Param(biasInit(rngs.params(), biasShape, paramDtype), biasMetadata);
    this.equation = equation;
    this.dtype = dtype;
    this.preferredElementType = preferredElementType;
  }

  /** The einsum of x and the kernel, plus the bias if there is one. @throws ShapeError if the input does not fit the equation */
  call(x: jax.Array): jax.Array {
    const [input, kernel, bias] = promote("Einsum", [x, this.kernel, this.bias], this.dtype);
    const preferredElementType = this.preferredElementType ?? undefined;
    const y = jax.numpy.einsum(this.equation, input, kernel, { preferredElementType });
    return bias === null ? y : y.add(bias.reshape(biasAxes(this.equation, kernel.shape, y.ndim)));
  }
}

function parse(equation: string): { readonly kernel: string; readonly result: string } {
  const parts = /^([^,>]*),([^,>]*)->([^,>]*)$/.exec(equation.replaceAll(" ", ""));
  if (!parts)
    throw new jax.ShapeError(
      `Einsum: the equation must have two operands and a result, as "ab,bc->ac" has; got ${JSON.stringify(equation)}`,
    );
  return { kernel: parts[2], result: parts[3] };
}

/** Shape in which the bias broadcasts with the result: 1 along axes that do not come from the kernel. */
function biasAxes(equation: string, kernelShape: readonly number[], rank: number): number[] {
  const { kernel, result } = parse(equation);
  const [before, after] = result.split("...");
  const unnamed = rank - result.replace("...", "").length;
  const sizes = (labels: string): number[] =>
    [...labels].map((label) => (kernel.includes(label) ? kernelShape[kernel.indexOf(label)] : 1));
  return after === undefined ? sizes(before) : [...sizes(before), ...Array<number>(unnamed).fill(1), ...sizes(after)];
}
