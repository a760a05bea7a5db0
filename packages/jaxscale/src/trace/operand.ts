/** From what users pass to arrays. */
import type { DType } from "../base/dtypes.ts";
import { DTypeError, TracerError } from "../base/errors.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import { Array, type ArrayLike, heldArray, isArrayHolder } from "./array.ts";
import { getBackend } from "./trace.ts";

const weakInt = shapedArray([], "int32", true);
const weakFloat = shapedArray([], "float32", true);
const strongBool = shapedArray([], "bool", false);

/** A JavaScript number has no int or float of its own: an integral one that fits int32 is a Python int, any other (-1e30 too) a Python float. */
export function scalarAval(x: number | boolean): typeof weakInt {
  if (typeof x === "boolean") return strongBool;
  return x === (x | 0) && !Object.is(x, -0) ? weakInt : weakFloat;
}

/**
 * Refuses what an async function returns. Behind its first await the function meets tracers of a trace that has ended: that it
 * fails there too is nobody's to catch, and must not end the process.
 */
export function refusePromise(op: string, x: unknown, of = "the function"): void {
  if (!(x instanceof Promise)) return;
  handleRejections([x]);
  throw new TracerError(`${op}: the function must not be async; got a promise from ${of}`);
}

/** Of promises among leaves that will be refused: their rejections would end the process. */
export function handleRejections(leaves: readonly unknown[]): void {
  for (const x of leaves) if (x instanceof Promise) x.catch(() => {});
}

/** Numbers and booleans as weakly typed scalars (a bool is strong). @throws DTypeError for anything else that is no array */
export function asArray(op: string, x: ArrayLike): Array {
  if (x instanceof Array) return x;
  if (typeof x === "boolean") return getBackend().scalar(+x, strongBool);
  if (typeof x === "number") return getBackend().scalar(x, scalarAval(x));
  if (isArrayHolder(x)) return x[heldArray];
  refusePromise(op, x);
  if (globalThis.Array.isArray(x) || ArrayBuffer.isView(x))
    throw new DTypeError(
      `${op}: operands must be arrays, numbers or booleans; got a list. Make an array of it with jnp.array`,
    );
  throw new DTypeError(
    `${op}: operands must be arrays, numbers or booleans; got ${x === null ? "null" : typeof x === "object" ? ((x as object).constructor?.name ?? "object") : typeof x}`,
  );
}

/** A strongly typed scalar of the dtype, known on the host. */
export const scalarOf = (value: number, dtype: DType, weakType = false): Array =>
  getBackend().scalar(value, shapedArray([], dtype, weakType));
