/** Tracing into a jaxpr: operations become equations, results become tracers. */
import { checkElementCount } from "../base/shapes.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type Params,
  type Primitive,
  resultTypes,
  type ShapedArray,
  type SourceInfo,
  type Var,
} from "../jaxpr/ir.ts";
import type { Array } from "./array.ts";
import { captureSource, within } from "./scope.ts";
import { type Trace, withTrace } from "./trace.ts";
import { type Origin, refuseEscaped, Tracer } from "./tracer.ts";

/** Stands for an array while a function is traced to a jaxpr. */
export class JaxprTracer extends Tracer {
  readonly owner: JaxprTrace;
  readonly variable: Var;

  constructor(trace: JaxprTrace, variable: Var, origin?: Origin) {
    super(variable.aval, origin);
    this.owner = trace;
    this.variable = variable;
  }
}

export class JaxprTrace implements Trace {
  readonly #eqns: JaxprEqn[] = [];
  readonly #constants = new Map<Array, Var>();
  #finished = false;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  argument(aval: ShapedArray): JaxprTracer {
    return new JaxprTracer(this, newVar(aval));
  }

  get alive(): boolean {
    return !this.#finished;
  }

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const inputs = operands.map((x) => this.atom(x, primitive.name));
    const types = inputs.map((a) => a.aval);
    const avals = resultTypes(primitive, types, params);
    for (const { shape } of avals) checkElementCount(primitive.name, shape);
    const source = captureSource(this.process);
    return this.emit(primitive, inputs, params, avals, primitive.scope ? within(source, primitive.scope) : source);
  };

  /** Records an equation whose result types are already known. */
  emit(
    primitive: Primitive,
    inputs: readonly Atom[],
    params: Params,
    avals: readonly ShapedArray[],
    source: SourceInfo,
  ): readonly JaxprTracer[] {
    const outputs = avals.map(newVar);
    this.#eqns.push({ primitive, inputs, outputs, params, source });
    const origin = { primitive, source };
    return outputs.map((v) => new JaxprTracer(this, v, origin));
  }

  /** How this trace names an array: a variable of its own, a literal, or a constant that it closes over. */
  atom(x: Array, op = this.name): Atom {
    refuseEscaped(op, x);
    if (x instanceof JaxprTracer && x.owner === this) return x.variable;
    if (x.literal !== undefined && x.aval.shape.length === 0) return newLiteral(x.literal, x.aval);
    let variable = this.#constants.get(x);
    if (!variable) this.#constants.set(x, (variable = newVar(x.aval)));
    return variable;
  }

  finish(invars: readonly Var[], results: readonly Array[]): ClosedJaxpr {
    const outvars = results.map((x) => this.atom(x));
    this.#finished = true;
    return {
      jaxpr: { constvars: [...this.#constants.values()], invars, eqns: this.#eqns, outvars },
      consts: [...this.#constants.keys()],
    };
  }
  abandon(): void {
    this.#finished = true;
  }
}

/** Traces a function of flat arrays. Constants of the result are the arrays that it closed over (maybe tracers of an outer trace). */
export function traceToJaxpr(
  name: string,
  f: (...args: readonly Array[]) => readonly Array[],
  avals: readonly ShapedArray[],
): ClosedJaxpr {
  const trace = new JaxprTrace(name);
  try {
    const args = avals.map((aval) => trace.argument(aval));
    const results = withTrace(trace, () => f(...args));
    return trace.finish(
      args.map((t) => t.variable),
      results,
    );
  } finally {
    trace.abandon();
  }
}
