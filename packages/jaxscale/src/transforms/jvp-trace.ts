/** Forward mode: every value carries its tangent. */
import { isFloat } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import type { Params, Primitive } from "../jaxpr/ir.ts";
import type { OpBuilder, Operand } from "../primitives/op-builder.ts";
import { noRule, rulesOf } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { captureSource } from "../trace/scope.ts";
import { bind, type Trace, withTrace } from "../trace/trace.ts";
import { type Origin, Tracer } from "../trace/tracer.ts";

export class JvpTracer extends Tracer {
  readonly owner: JvpTrace;
  readonly primal: Array;
  readonly tangent: Array;

  constructor(owner: JvpTrace, primal: Array, tangent: Array, origin: Origin | undefined) {
    super(primal.aval, origin);
    this.owner = owner;
    this.primal = primal;
    this.tangent = tangent;
  }
}

export class JvpTrace implements Trace {
  readonly parent: Trace;
  readonly name: string;
  readonly #ops: OpBuilder;
  #ended = false;

  constructor(parent: Trace, ops: OpBuilder, name = "jvp") {
    this.parent = parent;
    this.#ops = ops;
    this.name = name;
  }

  get alive(): boolean {
    return !this.#ended;
  }
  end(): void {
    this.#ended = true;
  }

  /** A value of this trace; a zero tangent (null) needs no tracer. */
  pair(primal: Array, tangent: Array | null, origin?: Origin): Array {
    return tangent === null ? primal : new JvpTracer(this, primal, tangent, origin);
  }
  primalOf = (x: Array): Array => (x instanceof JvpTracer && x.owner === this ? x.primal : x);
  tangentOf = (x: Array): Array | null => (x instanceof JvpTracer && x.owner === this ? x.tangent : null);

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const primals = operands.map(this.primalOf);
    const tangents = operands.map(this.tangentOf);
    return withTrace(this.parent, () => {
      if (tangents.every((t) => t === null)) return bind(primitive, primals, params);
      const { results, tangents: out } = differentiate(this.#ops, primitive, primals, tangents, params);
      const origin = { primitive, source: captureSource(this.process) };
      return results.map((primal, i) => this.pair(primal, out[i], origin));
    });
  };
}

/** Applies the rule of an op in the current trace. */
export function differentiate(
  ops: OpBuilder,
  primitive: Primitive,
  primals: readonly Array[],
  tangents: readonly (Array | null)[],
  params: Params,
): { readonly results: readonly Array[]; readonly tangents: readonly (Array | null)[] } {
  const rules = rulesOf(primitive);
  const context = { params, inputs: primals.map((x) => x.aval) };
  if (rules.differentiate) {
    const { results, tangents: out } = rules.differentiate(ops, primals, tangents, context);
    return { results: results as readonly Array[], tangents: out as readonly (Array | null)[] };
  }
  const results = bind(primitive, primals, params);
  // Only floats have tangents.
  if (!rules.jvp && results.every((x) => !isFloat(x.dtype))) return { results, tangents: results.map(() => null) };
  if (!rules.jvp) throw noRule(primitive, "differentiation");
  const out = rules.jvp(ops, primals, tangents, { ...context, results });
  invariant(out.length === results.length, `${primitive.name} gives a tangent for each result`);
  out.forEach((t, i) => checkTangent(primitive, results[i], t));
  return { results, tangents: out as readonly (Array | null)[] };
}

function checkTangent(primitive: Primitive, result: Operand, tangent: Operand | null): void {
  if (tangent === null) return;
  const { shape, dtype } = result.aval;
  invariant(
    tangent.aval.dtype === dtype &&
      tangent.aval.shape.length === shape.length &&
      tangent.aval.shape.every((d, i) => d === shape[i]),
    `the tangent of ${primitive.name} has the type of its result`,
  );
}
