/** Tracing into a jaxpr: operations become equations, results become tracers. */
import { TracerError } from "../base/errors.ts";
import {
  type Atom,
  type ClosedJaxpr,
  formatAval,
  type JaxprEqn,
  newLiteral,
  newVar,
  type Params,
  type Primitive,
  type ShapedArray,
  type SourceInfo,
  type Var,
} from "../jaxpr/ir.ts";
import { Array } from "./array.ts";
import { captureSource } from "./scope.ts";
import { type Trace, withTrace } from "./trace.ts";

/** Stands for an array while a function is traced: it has a shape and a dtype, but no values. */
export class Tracer extends Array {
  readonly aval: ShapedArray;
  readonly trace: JaxprTrace;
  readonly variable: Var;

  constructor(trace: JaxprTrace, variable: Var) {
    super();
    this.trace = trace;
    this.variable = variable;
    this.aval = variable.aval;
  }

  protected override describeForText(): string {
    throw new TracerError(
      `a traced array has no value to print; got ${formatAval(this.aval)}. Return it from the jitted function and print the result, or print x.shape and x.dtype`,
    );
  }
  [Symbol.iterator](): never {
    throw new TracerError(
      `iterating over a traced array is not possible; got ${formatAval(this.aval)}. Index it with x.at(i).get(), or use vmap or lax.scan`,
    );
  }
  toJSON(): string {
    return `Tracer<${formatAval(this.aval)}>`;
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

  argument(aval: ShapedArray): Tracer {
    return new Tracer(this, newVar(aval));
  }

  get alive(): boolean {
    return !this.#finished;
  }

  process = (primitive: Primitive, operands: readonly Array[], params: Params): readonly Array[] => {
    const inputs = operands.map((x) => this.atom(x));
    const avals = primitive.abstractEval(
      inputs.map((a) => a.aval),
      params,
    );
    return this.emit(primitive, inputs, params, avals, captureSource(this.process));
  };

  /** Records an equation whose result types are already known. */
  emit(
    primitive: Primitive,
    inputs: readonly Atom[],
    params: Params,
    avals: readonly ShapedArray[],
    source: SourceInfo,
  ): readonly Tracer[] {
    const outputs = avals.map(newVar);
    this.#eqns.push({ primitive, inputs, outputs, params, source });
    return outputs.map((v) => new Tracer(this, v));
  }

  /** How this trace names an array: a variable of its own, a literal, or a constant that it closes over. */
  atom(x: Array): Atom {
    if (x instanceof Tracer && x.trace === this) {
      if (this.#finished) throw escaped(x);
      return x.variable;
    }
    if (x instanceof Tracer && !x.trace.alive) throw escaped(x);
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

function escaped(x: Tracer): TracerError {
  return new TracerError(
    `a traced array was used after the function "${x.trace.name}" that made it had ended; got ${formatAval(x.aval)}. Return it from that function instead of storing it outside`,
  );
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
