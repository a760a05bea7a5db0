/** Scalars of Python's types, and promotion of dtypes. */
import { type DType, promoteTypes } from "../../base/dtypes.ts";
import type { ArrayLike, NumberArray } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { numberOf } from "../arguments.ts";

/**
 * A weakly typed float scalar, like `2.0` in Python. An integral JavaScript number counts as a Python int, so that
 * `jnp.power(x, jnp.float(2))` is `x ** 2.0` while `jnp.power(x, 2)` is `x ** 2`.
 */
export const float = (value: number): NumberArray => scalarOf(numberOf("float", "value", value), "float32", true);
/** A weakly typed integer scalar, like `2` in Python; fractions are truncated. */
export const int = (value: number): NumberArray => scalarOf(Math.trunc(numberOf("int", "value", value)), "int32", true);

/** The dtype that operands promote to. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.result_type.html */
export const resultType = (...xs: readonly ArrayLike[]): DType =>
  promoteTypes(
    "result_type",
    xs.map((x) => asArray("result_type", x)),
  ).dtype;
