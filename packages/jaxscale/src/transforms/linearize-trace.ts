/**
 * Linearization: primal values are computed by the trace around as the function runs, what happens to tangents is
 * recorded as a jaxpr, whose constants are the residuals.
 */
import { invariant } from "../base/errors.ts";
import type { Params, Primitive } from "../jaxpr/ir.ts";
import type { OpBuilder } from "../primitives/op-builder.ts";
import { rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { captureSource } from "../trace/scope.ts";
import { type JaxprTrace, JaxprTracer } from "../trace/staging.ts";
import { bind, type Trace, withTrace } from "../trace/trace.ts";
import { type Origin, Tracer } from "../trace/tracer.ts";
import { evalJaxpr } from "./eval-jaxpr.ts";
import { differentiate } from "./jvp-trace.ts";

export class LinearizeTracer extends Tracer {
  readonly owner: LinearizeTrace;
  readonly primal: Array;
  /** Of the trace that records tangents. */
  readonly tangent: Array;

  constructor(owner: LinearizeTrace, primal: Array, tangent: Array, origin: Origin | undefined) {
    super(primal.aval, origin);
    this.owner = owner;
    this.primal = primal;
    this.tangent = tangent;
  }
}

export class LinearizeTrace implements Trace {
  readonly parent: Trace;
  readonly name: string;
  readonly #tangents: JaxprTrace;
  readonly #ops: OpBuilder;

  constructor(parent: Trace, tangents: JaxprTrace, ops: OpBuilder, name = tangents.name) {
    this.parent = parent;
    this.#tangents = tangents;
    this.#ops = ops;
    this.name = name;
  }

  get alive(): boolean {
    return this.#tangents.alive;
  }

  /** A value of this trace; a zero tangent (null) needs no tracer. */
  pair(primal: Array, tangent: Array | null, origin?: Origin): Array {
    return tangent === null ? primal : new LinearizeTracer(this, primal, tangent, origin);
  }
  primalOf = (x: Array): Array => (x instanceof LinearizeTracer && x.owner === this ? x.primal : x);
  tangentOf = (x: Array): Array | null => (x instanceof LinearizeTracer && x.owner === this ? x.tangent : null);

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const primals = operands.map(this.primalOf);
    const tangents = operands.map(this.tangentOf);
    if (tangents.every((t) => t === null)) return withTrace(this.parent, () => bind(primitive, primals, params));
    const { linearize } = rulesOf(primitive);
    const origin = { primitive, source: captureSource(this.process) };
    if (!linearize) {
      const split = new SplitTrace(this.parent, this.#tangents);
      const out = withTrace(split, () => differentiate(this.#ops, primitive, primals, tangents, params));
      invariant(!out.results.some(split.isUnknown), `the results of ${primitive.name} do not depend on tangents`);
      return out.results.map((primal, i) => this.pair(primal, out.tangents[i], origin));
    }
    const nonzero = tangents.map((t) => t !== null);
    const context = { params, inputs: primals.map((x) => x.aval) };
    const { results, linear } = withTrace(this.parent, () => linearize(this.#ops, primals, nonzero, context));
    const out = withTrace(this.#tangents, () => linear(tangents)) as readonly (Array | null)[];
    return results.map((primal, i) => this.pair(primal as Array, out[i], origin));
  };
}

/** Partial evaluation: ops on tangents are recorded, all others are computed at once. */
class SplitTrace implements Trace {
  readonly #known: Trace;
  readonly #unknown: JaxprTrace;

  constructor(known: Trace, unknown: JaxprTrace) {
    this.#known = known;
    this.#unknown = unknown;
  }

  isUnknown = (x: Array): boolean => x instanceof JaxprTracer && x.owner === this.#unknown;

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    if (!operands.some(this.isUnknown)) return withTrace(this.#known, () => bind(primitive, operands, params));
    const { lowering, subJaxprs } = rulesOf(primitive);
    const [body, ...others] = subJaxprs(params);
    // Part of a called function may be known.
    if (lowering.kind === "call" && body && others.length === 0 && !operands.every(this.isUnknown))
      return withTrace(this, () => evalJaxpr(body, operands));
    return this.#unknown.process(primitive, operands, params);
  };
}
