/** What stands for an array while a function is transformed or traced. */
import { TracerError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { Array } from "./array.ts";

/** Has a shape and a dtype, but no values that the host could read. */
export abstract class Tracer extends Array {
  readonly aval: ShapedArray;

  constructor(aval: ShapedArray) {
    super();
    this.aval = aval;
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
