/** Distributions over real numbers, made of uniform ones. */

import { type DType, formatOf, smallestNormalOf } from "../../base/dtypes.ts";
import { roundTo } from "../../base/rounding.ts";
import { broadcastShapes, type Shape } from "../../base/shapes.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { scalarOf } from "../../trace/operand.ts";
import { oneOf, optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { clip } from "../numpy/float-functions.ts";
import { where } from "../numpy/logic.ts";
import { constant } from "../numpy/promotion.ts";
import { float } from "../numpy/scalars.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { type Key, singleKey } from "./key-array.ts";
import { floatDType, floatOperand, type SampleOptions, sampleShape, uniformFrom } from "./uniform.ts";

const root2 = (dtype: DType): Array => scalarOf(roundTo(dtype, Math.SQRT2), dtype);

const normals = staticJit(
  "_normal",
  (shape: Shape, dtype: DType) => (words: Array) => realNormals(shape, dtype)(words),
);
const realNormals = staticJit("_normal_real", (shape: Shape, dtype: DType) => (words: Array) => {
  // The least number above −1, so that the inverse stays finite.
  const lowest = scalarOf(2 ** -(formatOf(dtype).mantissaBits + 1) - 1, dtype);
  const u = uniformFrom(words, shape, dtype, lowest, scalarOf(1, dtype));
  return lax.mul(root2(dtype), lax.erfInv(u));
});
/** Floats of the normal distribution of mean 0 and variance 1. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.normal.html */
export function normal(key: Key, shape: Shape = [], options?: SampleOptions): Array {
  const op = "random.normal";
  const { dtype } = optionsOf(op, options, { dtype: "float32" });
  return normals(sampleShape(op, shape), floatDType(op, dtype))(singleKey(op, key));
}

const truncated = staticJit(
  "_truncated_normal",
  (shape: Shape, dtype: DType) => (words: Array, lower: Array, upper: Array) => {
    const [low, high] = [convertTo(lower, dtype, false), convertTo(upper, dtype, false)];
    const [a, b] = [low, high].map((x) => lax.erf(lax.div(x, root2(dtype))));
    const out = lax.mul(root2(dtype), lax.erfInv(uniformFrom(words, shape, dtype, a, b)));
    // Rounding must not reach the bounds, which are open.
    const toward = (x: Array, infinity: number): Array =>
      lax.nextafter(lax.stopGradient(x), lax.fullLike(x, scalarOf(infinity, dtype)));
    return clip(out, toward(low, Number.POSITIVE_INFINITY), toward(high, Number.NEGATIVE_INFINITY));
  },
);
/**
 * Floats of the normal distribution between two bounds, which broadcast.
 * @throws DTypeError, ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.truncated_normal.html
 */
export function truncatedNormal(
  key: Key,
  lower: ArrayLike,
  upper: ArrayLike,
  options?: SampleOptions & { readonly shape?: Shape },
): Array {
  const op = "random.truncatedNormal";
  const { shape, dtype } = optionsOf(op, options, { shape: undefined, dtype: "float32" });
  const bounds = [lower, upper].map((x) => floatOperand(op, x));
  const sizes = sampleShape(op, shape ?? broadcastShapes(op, ...bounds.map((x) => x.shape)), ...bounds);
  return truncated(sizes, floatDType(op, dtype))(singleKey(op, key), bounds[0], bounds[1]);
}

const exponentials = staticJit(
  "_exponential",
  (shape: Shape, dtype: DType) => (words: Array) =>
    // 1 − u lies in (0, 1].
    lax.neg(lax.log1p(lax.neg(uniformFrom(words, shape, dtype, float(0), float(1))))),
);
/** Floats of the exponential distribution of rate 1. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.exponential.html */
export function exponential(key: Key, shape: Shape = [], options?: SampleOptions): Array {
  const op = "random.exponential";
  const { dtype } = optionsOf(op, options, { dtype: "float32" });
  return exponentials(sampleShape(op, shape), floatDType(op, dtype))(singleKey(op, key));
}

export type GumbelMode = "low" | "high";
const negatedLog = (x: Array): Array => lax.neg(lax.log(x));
const gumbels = staticJit("_gumbel", (shape: Shape, dtype: DType, mode: GumbelMode) => (words: Array) => {
  const tiny = smallestNormalOf(dtype);
  if (mode === "low") return negatedLog(negatedLog(uniformFrom(words, shape, dtype, scalarOf(tiny, dtype), float(1))));
  // A second draw gives small numbers the digits that the first one lacks.
  const both = uniformFrom(words, [2, ...shape], dtype, float(0), float(1));
  const [high, low] = [0, 1].map((i) => lax.indexInDim(both, i, { keepdims: false }));
  const fine = lax.add(
    lax.add(high, lax.mul(low, constant(low, 2 ** -formatOf(dtype).mantissaBits))),
    constant(low, tiny),
  );
  const x = where(lax.ge(high, constant(high, 0.5)), high, fine);
  return negatedLog(lax.neg(lax.log1p(lax.neg(x))));
});

export interface GumbelOptions extends SampleOptions {
  /** "high" reaches further into the upper tail, for twice the bits; "low" if absent. */
  readonly mode?: GumbelMode;
}
/** Floats of the standard Gumbel distribution. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.gumbel.html */
export function gumbel(key: Key, shape: Shape = [], options?: GumbelOptions): Array {
  const op = "random.gumbel";
  const { dtype, mode } = optionsOf(op, options, { dtype: "float32", mode: "low" });
  oneOf(op, "mode", mode, ["low", "high"]);
  return gumbels(sampleShape(op, shape), floatDType(op, dtype), mode)(singleKey(op, key));
}
