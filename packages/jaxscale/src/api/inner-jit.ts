/** Library functions that JAX jits: one named equation in the caller's jaxpr. */
import { jitCall } from "../primitives/call.ts";
import type { Array } from "../trace/array.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind } from "../trace/trace.ts";
import { Tracer } from "../trace/tracer.ts";

/** `f` as a call named `name`. Arrays that `f` closes over become leading operands. */
export function innerJit<F extends (...args: Array[]) => Array | readonly Array[]>(name: string, f: F): F {
  const called = (...args: Array[]): Array | readonly Array[] => {
    let single = false;
    const closed = traceToJaxpr(
      name,
      (...inner) => {
        const out = f(...inner);
        single = !globalThis.Array.isArray(out);
        return single ? [out as Array] : (out as readonly Array[]);
      },
      args.map((x) => x.aval),
    );
    const { jaxpr, operands } = hoistConstants(closed, args);
    const results = bind(jitCall, operands, { name, jaxpr });
    return single ? results[0] : results;
  };
  return called as F;
}

/** A jaxpr without constants: they are leading arguments, passed along. */
export function hoistConstants(
  closed: ReturnType<typeof traceToJaxpr>,
  args: readonly Array[],
): { jaxpr: typeof closed; operands: readonly Array[] } {
  const { jaxpr, consts } = closed;
  if (consts.length === 0) return { jaxpr: closed, operands: args };
  return {
    jaxpr: { jaxpr: { ...jaxpr, constvars: [], invars: [...jaxpr.constvars, ...jaxpr.invars] }, consts: [] },
    operands: [...(consts as readonly Array[]), ...args],
  };
}

/** Whether a traced function closed over values of an outer trace. */
export const closesOverTracers = (closed: ReturnType<typeof traceToJaxpr>): boolean =>
  closed.consts.some((c) => c instanceof Tracer);
