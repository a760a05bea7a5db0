/** Derivatives of functions of flat lists of arrays. */
import { isFloat } from "../base/dtypes.ts";
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { spread } from "../primitives/call.ts";
import type { Array } from "../trace/array.ts";
import { JaxprTrace } from "../trace/staging.ts";
import { currentTrace, withTrace } from "../trace/trace.ts";
import { backwardPass } from "./backward-pass.ts";
import { evalJaxpr } from "./eval-jaxpr.ts";
import { ops } from "./jaxpr-transforms.ts";
import { JvpTrace } from "./jvp-trace.ts";
import { LinearizeTrace } from "./linearize-trace.ts";
import { pruneJaxpr } from "./prune-jaxpr.ts";

/** What a function returns: results to differentiate, and others. */
export interface Results {
  readonly results: readonly Array[];
  readonly aux: readonly Array[];
}
export type FlatFunction = (args: readonly Array[]) => Results;

/** Only floats have tangents. */
export const hasTangent = (x: Array): boolean => isFloat(x.dtype);
const isSet = <T>(x: T | null): x is T => x !== null;

/** Results and their tangents; null is a zero. */
export function jvpOf(
  f: FlatFunction,
  primals: readonly Array[],
  tangents: readonly (Array | null)[],
): Results & { readonly tangents: readonly (Array | null)[] } {
  const trace = new JvpTrace(currentTrace(), ops, f.name || "jvp");
  try {
    const { results, aux } = withTrace(trace, () => f(primals.map((x, i) => trace.pair(x, tangents[i]))));
    return {
      results: results.map(trace.primalOf),
      tangents: results.map(trace.tangentOf),
      aux: aux.map(trace.primalOf),
    };
  } finally {
    trace.end();
  }
}

/** A function's results and its derivative there. */
export interface LinearFunction extends Results {
  /** Tangents of the results out of those of the primals; integers have none. */
  readonly pushForward: (tangents: readonly (Array | null)[]) => readonly (Array | null)[];
  /** Cotangents of the primals out of those of the results; null is a zero. */
  readonly pullBack: (cotangents: readonly (Array | null)[]) => readonly (Array | null)[];
}

export function linearizeOf(f: FlatFunction, primals: readonly Array[]): LinearFunction {
  const tangentTrace = new JaxprTrace("linearize");
  const trace = new LinearizeTrace(currentTrace(), tangentTrace, ops, f.name || "linearize");
  const differentiable = primals.map(hasTangent);
  const tangents = primals.map((x, i) => (differentiable[i] ? tangentTrace.argument(x.aval) : null));
  try {
    const { results, aux } = withTrace(trace, () => f(primals.map((x, i) => trace.pair(x, tangents[i]))));
    const out = results.map(trace.tangentOf);
    const recorded = tangentTrace.finish(
      tangents.filter(isSet).map((t) => t.variable),
      out.filter(isSet),
    );
    return {
      results: results.map(trace.primalOf),
      aux: aux.map(trace.primalOf),
      ...linearFunction(pruneJaxpr(recorded, undefined, true).jaxpr, differentiable, out.map(isSet)),
    };
  } finally {
    tangentTrace.abandon();
  }
}

function linearFunction(
  jaxpr: ClosedJaxpr,
  differentiable: readonly boolean[],
  nonzero: readonly boolean[],
): Pick<LinearFunction, "pushForward" | "pullBack"> {
  return {
    pushForward: (tangents) => {
      const args = tangents.filter((_, i) => differentiable[i]);
      const given = jaxpr.jaxpr.invars.map((v, i) => args[i] ?? (ops.zeros(v.aval) as Array));
      return spread(nonzero, evalJaxpr(jaxpr, given));
    },
    pullBack: (cotangents) => {
      const args = jaxpr.jaxpr.invars.map(() => null);
      const found = backwardPass(
        ops,
        jaxpr,
        args,
        cotangents.filter((_, i) => nonzero[i]),
      );
      return spread(differentiable, found);
    },
  };
}
