/** What users hold: an array on a device, or a tracer that stands for one. Methods are added by `api/array-methods.ts`. */
import type { DType } from "../base/dtypes.ts";
import { TracerError } from "../base/errors.ts";
import type { NestedList, TypedArray } from "../base/host-values.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";

/** An immutable n-dimensional array. Every function of the library takes and returns these. */
export abstract class Array {
  /** Shape, dtype and weak type. */
  abstract readonly aval: ShapedArray;
  /** The value, where it is a scalar known on the host: it is written into jaxprs as a literal. */
  get literal(): number | undefined {
    return undefined;
  }

  /** Sizes of the axes; `[]` of a scalar. */
  get shape(): Shape {
    return this.aval.shape;
  }
  /** Type of the elements. */
  get dtype(): DType {
    return this.aval.dtype;
  }
  /** True for the result of Python-like scalars only: a weak type never widens its partner. */
  get weakType(): boolean {
    return this.aval.weakType;
  }
  /** Number of axes. */
  get ndim(): number {
    return this.aval.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.aval.shape);
  }

  /** Values in row-major order: float16 and bfloat16 as a Float32Array, bool as a Uint8Array of 0 and 1. @throws DeviceError if the work failed */
  data(): Promise<TypedArray> {
    return this.noValue("data");
  }
  /**
   * The one element: a number, or a boolean for dtype bool. Its type is one of the two where the array's dtype is known to the
   * type checker: of comparisons and tests, of sums, means and positions, behind `astype`.
   * @throws TypeError if there is not exactly one; DeviceError if the work failed
   */
  item<This extends Array>(this: This): Promise<ElementOf<This>> {
    return this.element() as Promise<ElementOf<This>>;
  }
  protected element(): Promise<number | boolean> {
    return this.noValue("item");
  }
  /** Nested lists of numbers (booleans for dtype bool), as deep as the array has axes. */
  toList(): Promise<NestedList> {
    return this.noValue("toList");
  }
  /** The array as JAX prints it: `Array([1., 2.], dtype=float32)`. */
  text(): Promise<string> {
    return this.noValue("text");
  }
  /** Resolves with this array when its values are there. @throws DeviceError if the work failed */
  blockUntilReady(): Promise<this> {
    return this.noValue("blockUntilReady");
  }
  /** Whether it was disposed of or donated. */
  get isDeleted(): boolean {
    return false;
  }
  /** Gives the memory back at once instead of at the next garbage collection. Any use after it throws. */
  dispose(): void {
    this.noValue("dispose");
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  /** Values are on the device, so iteration is not possible. */
  [Symbol.iterator](): never {
    return this.noValue("iteration");
  }
  /** What the values of an array that has none are asked for. */
  protected noValue(wanted: string): never {
    throw new TracerError(
      `${wanted}: the values of a traced array are not known while tracing; got ${formatAval(this.aval)}. Return it from the jitted function, and ask its result`,
    );
  }

  /** Reached by `x + 1`, `x < 0`, `` `${x}` ``. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.describeForText();
    throw new TracerError(
      `operators do not work on arrays: use methods such as x.add(1), x.mul(y), x.less(0); got ${formatAval(this.aval)} where JavaScript wants a ${hint === "number" ? "number" : "primitive"}. To choose by a value, use jnp.where or lax.cond`,
    );
  }
  protected abstract describeForText(): string;
}

// Only types have this property. It is optional, so that every array may stand where one of a known kind was inferred (a variable
// that begins as a sum, a carry that begins as a comparison): a type parameter of Array would refuse that.
declare const elementType: unique symbol;
/** An array whose dtype is known to the type checker not to be bool. */
export interface NumberArray extends Array {
  readonly [elementType]?: number;
}
/** An array whose dtype is known to the type checker to be bool. */
export interface BoolArray extends Array {
  readonly [elementType]?: boolean;
}
/** An array of a dtype: `BoolArray` for "bool", `NumberArray` for any other, `Array` where the name is not known. */
export type ArrayOf<D extends DType> = [D] extends ["bool"] ? BoolArray : "bool" extends D ? Array : NumberArray;
/** What `item` gives. */
export type ElementOf<T extends Array> = T extends { readonly [elementType]?: infer E }
  ? unknown extends E
    ? number | boolean
    : Exclude<E, undefined>
  : number | boolean;

/** Key under which an object that holds an array, such as a parameter of a module, gives it to array functions. */
export const heldArray: unique symbol = Symbol.for("jaxscale.heldArray");
/** An object that stands for the array that it holds, as a parameter of a module does. */
export interface ArrayHolder {
  readonly [heldArray]: Array;
  readonly dtype: DType;
}
export const isArrayHolder = (x: unknown): x is ArrayHolder => typeof x === "object" && x !== null && heldArray in x;

/** What array functions accept besides arrays: numbers and booleans are weakly typed scalars, holders stand for what they hold. */
export type ArrayLike = Array | ArrayHolder | number | boolean;
