/** The dtype in which a layer computes. */
import * as jax from "jaxscale";

/** Options of all layers. `dtype` is the dtype of computation (null promotes inputs and parameters), `paramDtype` that of parameters. */
export interface DtypeOptions {
  readonly dtype?: jax.DType | null;
  readonly paramDtype?: jax.DType;
}

const isFloat = (dtype: jax.DType): boolean => dtype.includes("float");

/** `dtype`, or the promoted dtype of the arrays: at least float32 for integers. @throws DTypeError unless the dtype is floating-point */
function computeDtype(op: string, arrays: readonly (jax.ArrayLike | null)[], dtype: jax.DType | null): jax.DType {
  const found = dtype ?? jax.numpy.resultType(...arrays.filter((x): x is jax.ArrayLike => x !== null));
  if (isFloat(found)) return found;
  if (dtype === null) return "float32";
  throw new jax.DTypeError(`${op}: dtype must be a float's; got ${dtype}`);
}

/** Casts arrays to the dtype of computation; null passes through. */
export function promote<const T extends readonly (jax.ArrayLike | null)[]>(
  op: string,
  arrays: T,
  dtype: jax.DType | null,
): { -readonly [K in keyof T]: T[K] extends null ? null : T[K] extends jax.ArrayLike ? jax.Array : jax.Array | null } {
  const target = computeDtype(op, arrays, dtype);
  return arrays.map((x) => (x === null ? null : jax.numpy.asarray(x, { dtype: target }))) as never;
}

/** @throws ShapeError unless the last axis has that size */
export function checkFeatures(op: string, x: jax.Array, features: number): void {
  if (x.shape.at(-1) !== features)
    throw new jax.ShapeError(
      `${op}: the last axis of the input must have size ${features}; got ${x.dtype}[${x.shape.join(",")}]`,
    );
}
