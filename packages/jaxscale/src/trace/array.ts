/** What users hold: an array on a device, or a tracer that stands for one. Methods are added by `api/array-methods.ts`. */
import type { DType } from "../base/dtypes.ts";
import { TracerError } from "../base/errors.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";

/** An immutable n-dimensional array. Every function of the library takes and returns these. */
export abstract class Array {
  abstract readonly aval: ShapedArray;
  /** The value, where it is a scalar known on the host: it is written into jaxprs as a literal. */
  get literal(): number | undefined {
    return undefined;
  }

  get shape(): Shape {
    return this.aval.shape;
  }
  get dtype(): DType {
    return this.aval.dtype;
  }
  /** True for the result of Python-like scalars only: a weak type never widens its partner. */
  get weakType(): boolean {
    return this.aval.weakType;
  }
  get ndim(): number {
    return this.aval.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.aval.shape);
  }

  /** Reached by `x + 1`, `x < 0`, `` `${x}` ``. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.describeForText();
    throw new TracerError(
      `operators do not work on arrays: use methods such as x.add(1), x.mul(y), x.less(0); got ${formatAval(this.aval)} where JavaScript wants a ${hint === "number" ? "number" : "primitive"}`,
    );
  }
  protected abstract describeForText(): string;
}

/** What array functions accept besides arrays: numbers and booleans are weakly typed scalars. */
export type ArrayLike = Array | number | boolean;
