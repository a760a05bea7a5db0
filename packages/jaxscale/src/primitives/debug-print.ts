/** debug_print: sends values to the host. */
import type { HostTensor } from "../base/tensor-data.ts";
import { replicatedRule } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";

/** Writes the values; compared by identity. */
export class Printer {
  readonly print: (format: string, values: readonly HostTensor[]) => void;
  constructor(print: Printer["print"]) {
    this.print = print;
  }
}

export type DebugPrintParams = { readonly format: string; readonly printer: Printer };

/** No results. @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.print.html */
export const debugPrint = definePrimitive<DebugPrintParams>("debug_print", {
  abstractEval: () => [],
  reference(inputs, { format, printer }) {
    printer.print(format, inputs);
    return [];
  },
  printParams: ({ format }) => ({ fmt: JSON.stringify(format) }),
  pure: false,
  lowering: { kind: "effect", run: ({ format, printer }, values) => printer.print(format, values) },
  sharding: replicatedRule,
  // One line for each index, as in JAX.
  batch: ({ bind, slice, squeeze }, operands, dims, { params, axis }) => {
    for (let i = 0; i < axis.size; i++) {
      const at = operands.map((x, j) => {
        const dim = dims[j];
        if (dim === null) return x;
        const { shape } = x.aval;
        const part = slice(
          x,
          shape.map((_, a) => (a === dim ? i : 0)),
          shape.map((d, a) => (a === dim ? i + 1 : d)),
        );
        return squeeze(part, [dim]);
      });
      bind("debug_print", at, params);
    }
    return { results: [], dims: [] };
  },
});
