/** Jaxprs written by hand, equation by equation. */
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { Shape } from "../../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type Params,
  type Primitive,
  shapedArray,
  type Var,
} from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { definePrimitive } from "../../packages/jaxscale/src/primitives/primitive.ts";

export class JaxprBuilder {
  readonly constvars: Var[] = [];
  readonly consts: HostTensor[] = [];
  readonly invars: Var[] = [];
  readonly eqns: JaxprEqn[] = [];

  input(shape: Shape, dtype: DType = "float32", weakType = false): Var {
    const variable = newVar(shapedArray(shape, dtype, weakType));
    this.invars.push(variable);
    return variable;
  }
  constant(value: HostTensor): Var {
    const variable = newVar(shapedArray(value.shape, value.dtype));
    this.constvars.push(variable);
    this.consts.push(value);
    return variable;
  }
  bind<P extends Params>(primitive: Primitive<P>, inputs: readonly Atom[], params: P, scope = ""): Var[] {
    const avals = primitive.abstractEval(
      inputs.map((atom) => atom.aval),
      params,
    );
    const outputs = avals.map(newVar);
    this.eqns.push({ primitive: primitive as unknown as Primitive, inputs, outputs, params, source: { scope } });
    return outputs;
  }
  op<P extends Params>(primitive: Primitive<P>, inputs: readonly Atom[], params: P = {} as P, scope = ""): Var {
    return this.bind(primitive, inputs, params, scope)[0];
  }
  close(...outvars: Atom[]): ClosedJaxpr {
    const { constvars, consts, invars, eqns } = this;
    return { jaxpr: { constvars, invars, eqns, outvars }, consts };
  }
}

export const literal = (value: number, dtype: DType = "float32"): Atom => newLiteral(value, shapedArray([], dtype));

export function tensor(shape: Shape, values: readonly number[], dtype: DType = "float32"): HostTensor {
  const array = allocateValues(dtype, values.length);
  array.set(values);
  return { shape, dtype, values: array };
}

/** A call, as `jit` makes one. */
export const testCall = definePrimitive<{ readonly name: string; readonly jaxpr: ClosedJaxpr }>("test_call", {
  abstractEval: (_, { jaxpr }) => jaxpr.jaxpr.outvars.map((atom) => atom.aval),
  reference: (inputs, { jaxpr }) => interpret(jaxpr, inputs),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  printParams: ({ name, jaxpr }) => ({ name, jaxpr }),
  sharesNames: true,
  lowering: { kind: "call" },
  sharding: () => ({ operands: [], results: [], factors: {} }),
});

/** An op with an effect: it must stay, and stay where it is. */
export const testEffect = definePrimitive("test_effect", {
  abstractEval: ([x]) => [x],
  reference: ([x]) => [x],
  pure: false,
  lowering: { kind: "map", movement: false, element: (_, index, read) => read(0, index) },
  sharding: () => ({ operands: [[]], results: [[]], factors: {} }),
});
