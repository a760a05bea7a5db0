/** Transformations of jaxprs into jaxprs, and the builder through which rules reach them. */
import { invariant } from "../base/errors.ts";
import type { ClosedJaxpr, Params, ShapedArray } from "../jaxpr/ir.ts";
import { spread } from "../primitives/call.ts";
import { type LinearizedJaxpr, makeOps, type OpBuilder, type Operand } from "../primitives/op-builder.ts";
import { type BatchAxis, primitiveNamed } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { withAxisName } from "../trace/axis-names.ts";
import { scalarOf } from "../trace/operand.ts";
import { JaxprTrace, type JaxprTracer, traceToJaxpr } from "../trace/staging.ts";
import { bind, currentTrace, isEvaluating, withTrace } from "../trace/trace.ts";
import { backwardPass } from "./backward-pass.ts";
import { BatchTrace, wholeType } from "./batch-trace.ts";
import { evalJaxpr } from "./eval-jaxpr.ts";
import { JvpTrace } from "./jvp-trace.ts";
import { LinearizeTrace } from "./linearize-trace.ts";
import { pruneJaxpr } from "./prune-jaxpr.ts";

type Flags = readonly boolean[];
type Dims = readonly (number | null)[];

/** The builder that rules get: its ops go to the current trace. */
export const ops: OpBuilder = makeOps({
  bind: (name, operands, params: Params = {}) => bind(primitiveNamed(name), operands as readonly Array[], params),
  literal: scalarOf,
  transforms: {
    jvpJaxpr,
    linearizeJaxpr,
    tangentJaxpr,
    transposeJaxpr,
    batchJaxpr,
    pruneJaxpr: (closed, usedResults) => pruneJaxpr(closed, usedResults),
    mapOver: (f, operands, dims, axis) =>
      mapOver((xs) => f(xs) as readonly Array[], operands as readonly Array[], dims, axis),
    isEvaluating,
    evalJaxpr: (closed, args) => evalJaxpr(closed, args as readonly Array[]),
  },
});

export const zerosLike = (x: Operand): Array => ops.zeros(x.aval) as Array;
export const instantiate = (x: Operand, tangent: Array | null): Array => tangent ?? zerosLike(x);

const avalsOf = (closed: ClosedJaxpr) => closed.jaxpr.invars.map((v) => v.aval);
const isSet = <T>(x: T | null): x is T => x !== null;

export function jvpJaxpr(
  closed: ClosedJaxpr,
  nonzero: Flags,
  force: Flags = [],
): { readonly jaxpr: ClosedJaxpr; readonly nonzero: Flags } {
  return memoized(closed, `jvp ${nonzero} ${force}`, () => {
    const avals = avalsOf(closed);
    let nonzeroOut: Flags = [];
    const jaxpr = traceToJaxpr(
      "jvp",
      (...args) => {
        const trace = new JvpTrace(currentTrace(), ops);
        const tangents = spread(nonzero, args.slice(avals.length));
        const results = withTrace(trace, () =>
          evalJaxpr(
            closed,
            avals.map((_, i) => trace.pair(args[i], tangents[i])),
          ),
        );
        const primals = results.map(trace.primalOf);
        const out = results.map(trace.tangentOf).map((t, i) => (force[i] ? instantiate(primals[i], t) : t));
        nonzeroOut = out.map(isSet);
        return [...primals, ...out.filter(isSet)];
      },
      [...avals, ...avals.filter((_, i) => nonzero[i])],
    );
    return { jaxpr, nonzero: nonzeroOut };
  });
}

export function linearizeJaxpr(closed: ClosedJaxpr, nonzero: Flags, force: Flags = []): LinearizedJaxpr {
  return memoized(closed, `linearize ${nonzero} ${force}`, () => {
    const primalTrace = new JaxprTrace("linearize");
    const tangentTrace = new JaxprTrace("linearize");
    const trace = new LinearizeTrace(primalTrace, tangentTrace, ops);
    const args = avalsOf(closed).map((aval) => primalTrace.argument(aval));
    const tangentArgs = args.map((x, i) => (nonzero[i] ? tangentTrace.argument(x.aval) : null));
    const results = withTrace(trace, () =>
      evalJaxpr(
        closed,
        args.map((x, i) => trace.pair(x, tangentArgs[i])),
      ),
    );
    const primals = results.map(trace.primalOf);
    const out = withTrace(tangentTrace, () =>
      results.map(trace.tangentOf).map((t, i) => (force[i] ? instantiate(primals[i], t) : t)),
    );
    const variablesOf = (tracers: readonly (JaxprTracer | null)[]) => tracers.filter(isSet).map((t) => t.variable);
    const recorded = tangentTrace.finish(variablesOf(tangentArgs), out.filter(isSet));
    const { jaxpr: linear } = pruneJaxpr(recorded, undefined, true);
    const residuals = linear.consts as readonly Array[];
    // A residual that is an argument or a result need not be returned once more.
    const sources: (Array | null)[] = [...args];
    const returned: Array[] = [...primals];
    const origins = residuals.map((residual) => {
      const argument = sources.indexOf(residual);
      if (argument >= 0) return { from: "argument", index: argument } as const;
      const result = returned.indexOf(residual);
      return { from: "result", index: result >= 0 ? result : returned.push(residual) - 1 } as const;
    });
    const primal = pruneJaxpr(primalTrace.finish(variablesOf(args), returned), undefined, true).jaxpr;
    return { primal, tangent: withoutConstants(linear), residuals: origins, nonzero: out.map(isSet) };
  });
}

export function tangentJaxpr(
  closed: ClosedJaxpr,
  nonzero: Flags,
): { readonly jaxpr: ClosedJaxpr; readonly nonzero: Flags } {
  return memoized(closed, `tangent ${nonzero}`, () => {
    const { primal, tangent, residuals, nonzero: nonzeroOut } = linearizeJaxpr(closed, nonzero);
    const avals = avalsOf(closed);
    const recomputing = traceToJaxpr(
      "tangent",
      (...args) => {
        const primals = args.slice(0, avals.length);
        const results = evalJaxpr(primal, primals);
        const values = residuals.map(({ from, index }) => (from === "argument" ? primals : results)[index]);
        return evalJaxpr(tangent, [...values, ...args.slice(avals.length)]);
      },
      [...avals, ...avals.filter((_, i) => nonzero[i])],
    );
    return { jaxpr: pruneJaxpr(recomputing, undefined, true).jaxpr, nonzero: nonzeroOut };
  });
}

/** Constants become leading arguments. */
const withoutConstants = ({ jaxpr }: ClosedJaxpr): ClosedJaxpr =>
  jaxpr.constvars.length === 0
    ? { jaxpr, consts: [] }
    : { jaxpr: { ...jaxpr, constvars: [], invars: [...jaxpr.constvars, ...jaxpr.invars] }, consts: [] };

export function transposeJaxpr(
  closed: ClosedJaxpr,
  linear: Flags,
  nonzero: Flags,
  force = false,
): { readonly jaxpr: ClosedJaxpr; readonly nonzero: Flags } {
  return memoized(closed, `transpose ${linear} ${nonzero} ${force}`, () => {
    const avals = avalsOf(closed);
    const values = linear.map((isLinear) => !isLinear);
    const valueAvals = avals.filter((_, i) => values[i]);
    const cotangentAvals = closed.jaxpr.outvars.map((a) => a.aval).filter((_, i) => nonzero[i]);
    let nonzeroOut: Flags = [];
    const jaxpr = traceToJaxpr(
      "transpose",
      (...args) => {
        const operands = spread(values, args.slice(0, valueAvals.length));
        const cotangents = spread(nonzero, args.slice(valueAvals.length));
        const found = backwardPass(ops, closed, operands, cotangents);
        const out = found
          .map((ct, i) => (force && linear[i] ? (ct ?? (ops.zeros(avals[i]) as Array)) : ct))
          .filter((_, i) => linear[i]);
        nonzeroOut = out.map(isSet);
        return out.filter(isSet);
      },
      [...valueAvals, ...cotangentAvals],
    );
    return { jaxpr, nonzero: nonzeroOut };
  });
}

type FlatMap = (args: readonly Array[]) => readonly Array[];

/** A function of arrays, mapped over an axis. @param types of its arguments: some may vary along it though their elements are equal */
export function mapOver(
  f: FlatMap,
  args: readonly Array[],
  dims: Dims,
  axis: BatchAxis,
  types: readonly ShapedArray[] = [],
): { readonly results: readonly Array[]; readonly dims: Dims; readonly varies: Flags } {
  const trace = new BatchTrace(currentTrace(), axis, ops, f.name || "vmap");
  const elements = args.map((x, i) => trace.element(x, dims[i], undefined, types[i]));
  try {
    const results = withTrace(trace, () => withAxisName(axis, () => f(elements)));
    return { results: results.map(trace.valueOf), dims: results.map(trace.dimOf), varies: results.map(trace.varies) };
  } finally {
    trace.end();
  }
}

/** With `force`, those results have the axis in front whether they depend on it or not. */
export function batchJaxpr(
  closed: ClosedJaxpr,
  axis: BatchAxis,
  dims: Dims,
  force: Flags = [],
): { readonly jaxpr: ClosedJaxpr; readonly dims: Dims } {
  return memoized(
    closed,
    `batch ${axis.name ?? ""} ${axis.size} ${axis.gpus ?? 1} ${axis.checksVarying ?? false} ${axis.ofDevices ?? false} ${dims.map(String)} ${force}`,
    () => {
      let dimsOut: Dims = [];
      const avals = avalsOf(closed);
      const jaxpr = traceToJaxpr(
        "vmap",
        (...args) => {
          const mapped = mapOver((elements) => evalJaxpr(closed, elements), args, dims, axis, avals);
          dimsOut = mapped.dims.map((dim, i) => (force[i] ? 0 : dim));
          return mapped.results.map((x, i) =>
            force[i] ? (ops.batchToFront(x, mapped.dims[i], axis.size) as Array) : x,
          );
        },
        avals.map((aval, i) => wholeType(axis, aval, dims[i])),
      );
      invariant(dimsOut.length === jaxpr.jaxpr.outvars.length, "each result has its axis");
      return { jaxpr, dims: dimsOut };
    },
  );
}

/** Results kept as long as the object that they were made of: a body that is called twice stays one jaxpr. */
const memos = new WeakMap<object, Map<string, unknown>>();

function memoized<T>(of: object, key: string, make: () => T): T {
  let known = memos.get(of);
  if (!known) memos.set(of, (known = new Map()));
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}
