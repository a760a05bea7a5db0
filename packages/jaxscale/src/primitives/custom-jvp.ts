/** custom_jvp_call: a function whose forward-mode derivative the user gives. */
import {
  batchCall,
  type CustomCall,
  checkConstants,
  customCall,
  type NamedRule,
  type Operands,
  placed,
} from "./custom-call.ts";
import type { Operand } from "./op-builder.ts";
import { definePrimitive } from "./primitive.ts";

export type CustomJvpParams = CustomCall & {
  readonly jvp: NamedRule<
    (
      primals: Operands,
      tangents: Operands,
    ) => { readonly results: Operands; readonly tangents: readonly (Operand | null)[] }
  >;
};

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.custom_jvp.html */
export const customJvpCall = definePrimitive<CustomJvpParams>("custom_jvp_call", {
  ...customCall,
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  printParams: ({ name, jaxpr, jvp }) => ({ name, call_jaxpr: jaxpr, jvp: jvp.name, symbolic_zeros: "False" }),
  differentiate: ({ zeros }, primals, tangents, { params }) => {
    const { numConsts, jvp } = params;
    checkConstants("customJvp", tangents, params);
    return jvp.run(
      primals.slice(numConsts),
      tangents.slice(numConsts).map((t, i) => t ?? zeros(primals[numConsts + i].aval)),
    );
  },
  batch: (ops, operands, dims, { params, axis }) => {
    const { numConsts, jvp } = params;
    const { jaxpr, dims: out } = batchCall(ops, params, axis, dims);
    const own = dims.slice(numConsts);
    const run: CustomJvpParams["jvp"]["run"] = (primals, tangents) => {
      const mapped = ops.transforms.mapOver(
        (xs) => {
          const { results, tangents: found } = jvp.run(xs.slice(0, own.length), xs.slice(own.length));
          return [...results, ...found.map((t, i) => t ?? ops.zeros(results[i].aval))];
        },
        [...primals, ...tangents],
        [...own, ...own],
        axis,
      );
      const all = mapped.results.map((x, i) => placed(ops, x, mapped.dims[i], out[i % out.length], axis.size));
      return { results: all.slice(0, out.length), tangents: all.slice(out.length) };
    };
    return { results: ops.bind("custom_jvp_call", operands, { ...params, jaxpr, jvp: { ...jvp, run } }), dims: out };
  },
});
