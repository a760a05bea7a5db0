/** custom_vjp_call: a function whose reverse-mode derivative the user gives; custom_lin: its derivative. */
import { DTypeError, ShapeError } from "../base/errors.ts";
import { sameShape } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import {
  batchCall,
  type CustomCall,
  checkConstants,
  customCall,
  type Dims,
  type NamedRule,
  type Operands,
  placed,
} from "./custom-call.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type Differentiated, definePrimitive, type RuleContext } from "./primitive.ts";

export type CustomVjpParams = CustomCall & {
  readonly fwd: NamedRule<(primals: Operands) => { readonly results: Operands; readonly residuals: Operands }>;
  readonly bwd: NamedRule<(residuals: Operands, cotangents: Operands) => readonly (Operand | null)[]>;
};

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.custom_vjp.html */
export const customVjpCall = definePrimitive<CustomVjpParams>("custom_vjp_call", {
  ...customCall,
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  printParams: ({ name, jaxpr, fwd, bwd }) => ({
    name,
    bwd: bwd.name,
    call_jaxpr: jaxpr,
    fwd: fwd.name,
    symbolic_zeros: "False",
  }),
  differentiate: linearizeByRule,
  batch: (ops, operands, dims, { params, axis }) => {
    const { numConsts, fwd, bwd } = params;
    const { jaxpr, dims: out } = batchCall(ops, params, axis, dims);
    const own = dims.slice(numConsts);
    let residualDims: Dims = [];
    const runForward: CustomVjpParams["fwd"]["run"] = (primals) => {
      const mapped = ops.transforms.mapOver(
        (xs) => {
          const { results, residuals } = fwd.run(xs);
          return [...results, ...residuals];
        },
        primals,
        own,
        axis,
      );
      residualDims = mapped.dims.slice(out.length);
      const results = out.map((dim, i) => placed(ops, mapped.results[i], mapped.dims[i], dim, axis.size));
      return { results, residuals: mapped.results.slice(out.length) };
    };
    const runBackward: CustomVjpParams["bwd"]["run"] = (residuals, cotangents) => {
      const mapped = ops.transforms.mapOver(
        (xs) => {
          const found = bwd.run(xs.slice(0, residuals.length), xs.slice(residuals.length));
          return found.map((ct, i) => ct ?? ops.zeros(unbatched(jaxpr.jaxpr.invars[numConsts + i].aval, own[i])));
        },
        [...residuals, ...cotangents],
        [...residualDims, ...out],
        axis,
      );
      // An argument without the axis took part in every element.
      return mapped.results.map((ct, i) => {
        const [dim, wanted] = [mapped.dims[i], own[i]];
        if (wanted !== null) return placed(ops, ct, dim, wanted, axis.size);
        return ops.reduceSum(placed(ops, ct, dim, 0, axis.size), [0]);
      });
    };
    const rules = { fwd: { ...fwd, run: runForward }, bwd: { ...bwd, run: runBackward } };
    return { results: ops.bind("custom_vjp_call", operands, { ...params, jaxpr, ...rules }), dims: out };
  },
});

const unbatched = (aval: ShapedArray, dim: number | null): ShapedArray =>
  dim === null ? aval : { ...aval, shape: aval.shape.toSpliced(dim, 1) };

function linearizeByRule(
  ops: OpBuilder,
  primals: Operands,
  tangents: readonly (Operand | null)[],
  { params }: RuleContext<CustomVjpParams>,
): Differentiated {
  const { numConsts, fwd, bwd, name } = params;
  checkConstants("customVjp", tangents, params);
  if (ops.transforms.isEvaluating()) throw noForwardMode(name);
  const { results, residuals } = fwd.run(primals.slice(numConsts));
  const own = tangents.slice(numConsts);
  const given = own.filter((t) => t !== null);
  const outputs = results.map((x) => x.aval);
  const nonzero = own.map((t) => t !== null);
  const linParams: CustomLinParams = { name, bwd, outputs, numResiduals: residuals.length, nonzero };
  return { results, tangents: ops.bind("custom_lin", [...residuals, ...given], linParams) };
}

const noForwardMode = (name: string): TypeError =>
  new TypeError(`jvp: a function with a customVjp rule has no forward-mode derivative; got ${name}`);

export type CustomLinParams = {
  readonly name: string;
  readonly bwd: CustomVjpParams["bwd"];
  readonly outputs: readonly ShapedArray[];
  readonly numResiduals: number;
  /** Which arguments of the function have tangents. */
  readonly nonzero: readonly boolean[];
};

/** The derivative of a function with a given reverse rule: it can be transposed, which is that rule, and nothing else. */
export const customLin = definePrimitive<CustomLinParams>("custom_lin", {
  abstractEval: (_, { outputs }) => outputs,
  reference: (_, { name }) => {
    throw noForwardMode(name);
  },
  printParams: ({ bwd, numResiduals }) => ({ bwd: bwd.name, num_res: String(numResiduals) }),
  subJaxprs: () => [],
  transpose: ({ zeros }, cotangents, operands, { inputs, params }) => {
    const { bwd, numResiduals, nonzero, outputs, name } = params;
    const residuals = operands.slice(0, numResiduals) as Operands;
    const found = bwd.run(
      residuals,
      cotangents.map((ct, i) => ct ?? zeros(outputs[i])),
    );
    const wanted = found.filter((_, i) => nonzero[i]);
    wanted.forEach((ct, i) => checkCotangent(name, ct, inputs[numResiduals + i]));
    return [...residuals.map(() => null), ...wanted];
  },
  lowering: {
    kind: "map",
    movement: false,
    element: (_k, _index, _read, { params }) => {
      throw noForwardMode(params.name);
    },
  },
  sharding: replicatedRule,
});

function checkCotangent(name: string, ct: Operand | null, argument: ShapedArray): void {
  if (ct === null || (ct.aval.dtype === argument.dtype && sameShape(ct.aval.shape, argument.shape))) return;
  const message = `customVjp: the cotangent of an argument has its type, ${formatAval(argument)}; got ${formatAval(ct.aval)} from the backward rule of ${name}`;
  throw ct.aval.dtype === argument.dtype ? new ShapeError(message) : new DTypeError(message);
}
