/** What stands for an array while a function is transformed or traced. */
import { calledAt } from "../base/call-site.ts";
import { TracerError } from "../base/errors.ts";
import { formatAval, type Primitive, type ShapedArray, type SourceInfo } from "../jaxpr/ir.ts";
import { Array } from "./array.ts";

/** The function whose values tracers stand for. */
export interface TracedFunction {
  readonly name: string;
  /** False once the function has ended: its tracers stand for nothing then. */
  readonly alive: boolean;
}

/** The operation that a tracer is a result of, and where it was called. */
export interface Origin {
  readonly primitive: Primitive;
  readonly source: SourceInfo;
}

/** Has a shape and a dtype, but no values that the host could read. */
export abstract class Tracer extends Array {
  readonly aval: ShapedArray;
  abstract readonly owner: TracedFunction;
  /** Undefined for an argument. */
  readonly origin: Origin | undefined;

  constructor(aval: ShapedArray, origin: Origin | undefined) {
    super();
    this.aval = aval;
    this.origin = origin;
  }

  protected override describeForText(): string {
    throw new TracerError(
      `a traced array has no value to print; got ${formatAval(this.aval)}. Return it from the traced function and print the result, or print x.shape and x.dtype. Sizes and slices need numbers: from x.shape, or static arguments`,
    );
  }
  override [Symbol.iterator](): never {
    throw new TracerError(
      `iterating over a traced array is not possible; got ${formatAval(this.aval)}. Index it with x.at(i).get(), or use vmap or lax.scan`,
    );
  }
  toJSON(): string {
    return `Tracer<${formatAval(this.aval)}>`;
  }
}

/** @throws TracerError for a tracer whose function has ended */
export function refuseEscaped(op: string, x: Array): void {
  if (x instanceof Tracer && !x.owner.alive) throw escaped(op, x);
}

function escaped(op: string, { aval, owner, origin }: Tracer): TracerError {
  const made = origin ? `the result of ${origin.primitive.name}${calledAt(origin.source.site)}` : "an argument of it";
  return new TracerError(
    `${op}: a traced array was used after the function "${owner.name}" that made it had ended; got ${formatAval(aval)}, ${made}. Return it from that function instead of storing it outside`,
  );
}
