/** The library without a device: eager operations run through each primitive's reference. For tests of what functions trace to. */
import { invariant } from "../../packages/jaxscale/src/base/errors.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { type Atom, newVar, type ShapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { type Backend, installBackend } from "../../packages/jaxscale/src/trace/trace.ts";

export class HostArray extends TracedArray {
  readonly aval: ShapedArray;
  readonly #literal: number | undefined;
  readonly tensor: HostTensor;

  constructor(aval: ShapedArray, tensor: HostTensor, literal?: number) {
    super();
    this.aval = aval;
    this.tensor = tensor;
    this.#literal = literal;
  }
  override get literal(): number | undefined {
    return this.#literal;
  }
  protected override describeForText(): string {
    return `HostArray(${this.tensor.values})`;
  }
}

/** The values of an array made on this backend. */
export function tensorOf(x: unknown): HostTensor {
  invariant(x instanceof HostArray, "the array has values");
  return x.tensor;
}

export const hostBackend: Backend = {
  scalar: (value, aval) => {
    const tensor = hostTensor([], aval.dtype);
    tensor.values[0] = value;
    return new HostArray(aval, tensor, value);
  },
  fromHost: (tensor, weakType) => new HostArray({ shape: tensor.shape, dtype: tensor.dtype, weakType }, tensor),
  process: (primitive, operands, params) => {
    const inputs = operands.map((x): Atom => newVar(x.aval));
    const avals = primitive.abstractEval(
      operands.map((x) => x.aval),
      params,
    );
    const outputs = avals.map(newVar);
    const invars = inputs.filter((x) => x.kind === "var");
    const eqns = [{ primitive, inputs, outputs, params, source: { scope: "" } }];
    const results = interpret(
      { jaxpr: { constvars: [], invars, eqns, outvars: outputs }, consts: [] },
      operands.map(tensorOf),
    );
    return results.map((tensor, i) => new HostArray(avals[i], tensor));
  },
};

installBackend(hostBackend);
