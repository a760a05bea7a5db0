/** Library functions that JAX jits: one named equation in the caller's jaxpr. */
import { type ClosedJaxpr, type ShapedArray, sameAval } from "../jaxpr/ir.ts";
import { jitCall } from "../primitives/call.ts";
import type { Array } from "../trace/array.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind } from "../trace/trace.ts";
import { Tracer } from "../trace/tracer.ts";

interface Traced {
  readonly avals: readonly ShapedArray[];
  readonly closed: ClosedJaxpr;
  readonly single: boolean;
}

const mostKept = 64;

/** `f` as a call named `name`, traced once for each signature. Arrays that `f` closes over become leading operands. */
export function innerJit<F extends (...args: Array[]) => Array | readonly Array[]>(name: string, f: F): F {
  const kept: Traced[] = [];
  const tracedFor = (avals: readonly ShapedArray[]): Traced => {
    const before = kept.find((t) => t.avals.length === avals.length && t.avals.every((a, i) => sameAval(a, avals[i])));
    if (before) return before;
    let single = false;
    const closed = traceToJaxpr(
      name,
      (...inner) => {
        const out = f(...inner);
        single = !globalThis.Array.isArray(out);
        return single ? [out as Array] : (out as readonly Array[]);
      },
      avals,
    );
    const traced = { avals, closed, single };
    // What closes over arrays is good for this call only.
    if (closed.consts.length === 0 && kept.unshift(traced) > mostKept) kept.pop();
    return traced;
  };
  const called = (...args: Array[]): Array | readonly Array[] => {
    const { closed, single } = tracedFor(args.map((x) => x.aval));
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
