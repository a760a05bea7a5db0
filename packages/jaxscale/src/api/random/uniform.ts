/** Random bits, and uniform distributions. */
import {
  biasOf,
  bitsOf,
  type DType,
  formatOf,
  integerLike,
  isFloat,
  isInteger,
  kindOf,
  rangeOf,
} from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { broadcastShapes, formatShape, type Shape, sameShape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { add, sub } from "../../primitives/arithmetic.ts";
import { or, shiftRightLogical } from "../../primitives/bitwise.ts";
import { rem } from "../../primitives/division.ts";
import { randomBits } from "../../primitives/random.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import { convertTo } from "../lax/convert.ts";
import * as lax from "../lax/index.ts";
import { binary } from "../numpy/equations.ts";
import { clip } from "../numpy/float-functions.ts";
import { less } from "../numpy/logic.ts";
import { float } from "../numpy/scalars.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { type Key, singleKey } from "./key-array.ts";
import { splitWords } from "./keys.ts";

/** Options of functions that draw floats. */
export interface SampleOptions {
  /** float32 if absent. */
  readonly dtype?: DType;
}

/** The shape asked for. @throws ShapeError unless parameters fit into it */
export function sampleShape(op: string, shape: Shape, ...parameters: readonly Array[]): readonly number[] {
  if (!globalThis.Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(`${op}: shape must be a list of sizes; got ${JSON.stringify(shape)}`);
  if (parameters.length > 0 && !sameShape(broadcastShapes(op, shape, ...parameters.map((x) => x.shape)), shape))
    throw new ShapeError(
      `${op}: parameters must broadcast to the shape; got ${parameters.map((x) => formatAval(x.aval)).join(" and ")} for ${formatShape(shape)}`,
    );
  return [...shape];
}

export function floatDType(op: string, dtype: DType): DType {
  if (!isFloat(dtype)) throw new DTypeError(`${op}: dtype must be a float's; got ${dtype}`);
  return dtype;
}

/** A parameter: numbers are floats, also whole ones. */
export const floatOperand = (op: string, x: ArrayLike): Array => (typeof x === "number" ? float(x) : asArray(op, x));

/** Leading axes of size 1, up to a rank. */
function toRank(x: Array, rank: number): Array {
  const added = rank - x.ndim;
  return added <= 0
    ? x
    : lax.expandDims(
        x,
        globalThis.Array.from({ length: added }, (_, i) => i),
      );
}

const bitsFrom = (words: Array, bitWidth: 8 | 16 | 32, shape: Shape): Array =>
  bind1(randomBits, [words], { bitWidth, shape: [...shape] });

/**
 * Unsigned integers, every bit by itself 0 or 1.
 * @param options `dtype`: uint8, uint16 or uint32 (the default)
 * @throws DTypeError, ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.bits.html
 */
export function bits(key: Key, shape: Shape = [], options?: SampleOptions): Array {
  const { dtype } = optionsOf("random.bits", options, { dtype: "uint32" });
  const width = bitsOf(dtype);
  if (kindOf(dtype) !== "unsigned" || width === 4)
    throw new DTypeError(`random.bits: dtype must be an unsigned integer's of 8 bits or more; got ${dtype}`);
  return bitsFrom(singleKey("random.bits", key), width, sampleShape("random.bits", shape));
}

interface FloatBits {
  readonly integer: DType;
  readonly mantissaBits: number;
  /** Bits drawn for each number. */
  readonly drawn: 8 | 16 | 32;
  /** How 1 is stored. */
  readonly one: number;
}
function floatBits(dtype: DType): FloatBits {
  const format = formatOf(dtype);
  const { mantissaBits } = format;
  // As in JAX, a byte is enough where the mantissa is shorter.
  const drawn = mantissaBits < 8 ? 8 : (bitsOf(dtype) as FloatBits["drawn"]);
  return { integer: integerLike(dtype, "unsigned"), mantissaBits, drawn, one: biasOf(format) * 2 ** mantissaBits };
}

// Random mantissas under the exponent of 1 make [1, 2).
const between = staticJit("_uniform", (shape: Shape, dtype: DType) => (words: Array, minval: Array, maxval: Array) => {
  const { integer, mantissaBits, drawn, one } = floatBits(dtype);
  const low = toRank(convertTo(minval, dtype, false), shape.length);
  const high = toRank(convertTo(maxval, dtype, false), shape.length);
  const mantissas = binary(
    shiftRightLogical,
    convertTo(bitsFrom(words, drawn, shape), integer, false),
    drawn - mantissaBits,
  );
  const floats = binary(sub, lax.bitcastConvertType(binary(or, mantissas, one), dtype), 1);
  return lax.max(low, lax.reshape(lax.add(lax.mul(floats, lax.sub(high, low)), low), shape));
});

/** Floats from `[minval, maxval)` for a raw key; arguments are already validated. */
export const uniformFrom = (words: Array, shape: Shape, dtype: DType, minval: Array, maxval: Array): Array =>
  between([...shape], dtype)(words, minval, maxval);

export interface UniformOptions extends SampleOptions {
  /** 0 if absent. */
  readonly minval?: ArrayLike;
  /** Exclusive; 1 if absent. */
  readonly maxval?: ArrayLike;
}
/** Floats spread evenly over `[minval, maxval)`. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.uniform.html */
export function uniform(key: Key, shape: Shape = [], options?: UniformOptions): Array {
  const op = "random.uniform";
  const { dtype, minval, maxval } = optionsOf(op, options, { dtype: "float32", minval: 0, maxval: 1 });
  const bounds = [minval, maxval].map((x) => floatOperand(op, x));
  return uniformFrom(
    singleKey(op, key),
    sampleShape(op, shape, ...bounds),
    floatDType(op, dtype),
    bounds[0],
    bounds[1],
  );
}

/** Whether an event of probability p happens: true with p. Its shape is p's unless given. @throws DTypeError, ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.random.bernoulli.html */
export function bernoulli(key: Key, p: ArrayLike = 0.5, shape?: Shape): Array {
  const op = "random.bernoulli";
  const given = floatOperand(op, p);
  if (!isFloat(given.dtype)) throw new DTypeError(`${op}: p must be a float; got ${formatAval(given.aval)}`);
  const probability = convertTo(given, given.dtype, false);
  return happening(sampleShape(op, shape ?? given.shape, given))(singleKey(op, key), probability);
}
const happening = staticJit(
  "_bernoulli",
  (shape: Shape) => (words: Array, p: Array) => less(uniformFrom(words, shape, p.dtype, float(0), float(1)), p),
);

// ---- integers -----------------------------------------------------------------------

/** Within the bounds of both dtypes, then of the second. */
function clipTo(x: Array, dtype: DType): Array {
  const [own, wanted] = [rangeOf(x.dtype), rangeOf(dtype)];
  const low = scalarOf(Math.max(own.min, wanted.min), x.dtype, x.weakType);
  const high = scalarOf(Math.min(own.max, wanted.max), x.dtype, x.weakType);
  return convertTo(clip(x, low, high), dtype, false);
}

// Twice the bits of a number are drawn and taken modulo the span, so that the bias of the remainder is negligible.
const integers = staticJit("_randint", (shape: Shape, dtype: DType) => (words: Array, minval: Array, maxval: Array) => {
  const rank = shape.length;
  const unbounded = lax.gt(maxval, clipTo(scalarOf(rangeOf(dtype).max, dtype), maxval.dtype));
  const low = toRank(clipTo(minval, dtype), rank);
  const high = toRank(clipTo(maxval, dtype), rank);
  const [first, second] = splitWords(words);
  const [higher, lower] = [bitsFrom(first, 32, shape), bitsFrom(second, 32, shape)];
  const difference = convertTo(lax.sub(high, low), "uint32", false);
  const atLeastOne = lax.select(lax.le(high, low), lax.fullLike(difference, 1), difference);
  // A bound above the dtype's takes one more; of all 2³² that makes 0, by which a remainder is the number itself.
  const span = lax.select(
    lax.bitwiseAnd(spread(unbounded, high), lax.gt(high, low)),
    binary(add, atLeastOne, 1),
    atLeastOne,
  );
  const half = binary(rem, 2 ** 16, span);
  const multiplier = lax.rem(lax.mul(half, half), span);
  const offset = lax.rem(lax.add(lax.mul(lax.rem(higher, span), multiplier), lax.rem(lower, span)), span);
  return lax.add(low, convertTo(offset, dtype, false));
});
const spread = (x: Array, like: Array): Array => toRank(x, like.ndim);

function integerOperand(op: string, x: ArrayLike): Array {
  if (typeof x === "number" && Number.isInteger(x) && x >= 2 ** 31 && x < 2 ** 32) return scalarOf(x, "uint32");
  const operand = asArray(op, x);
  if (!isInteger(operand.dtype) || (operand.literal !== undefined && Math.abs(operand.literal) >= 2 ** 32))
    throw new DTypeError(
      `${op}: bounds must be 32-bit integers; got ${typeof x === "number" ? x : formatAval(operand.aval)}`,
    );
  return operand;
}

/**
 * Integers from `[minval, maxval)`; `minval` where that is empty. `maxval` may be one above the dtype's largest.
 * @param options `dtype`: any integer's; int32 if absent
 * @throws DTypeError, ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.randint.html
 */
export function randint(key: Key, shape: Shape, minval: ArrayLike, maxval: ArrayLike, options?: SampleOptions): Array {
  const op = "random.randint";
  const { dtype } = optionsOf(op, options, { dtype: "int32" });
  if (!isInteger(dtype)) throw new DTypeError(`${op}: dtype must be an integer's; got ${dtype}`);
  const bounds = [minval, maxval].map((x) => integerOperand(op, x));
  const sizes = sampleShape(op, shape, ...bounds);
  const words = singleKey(op, key);
  if (bitsOf(dtype) === 32) return integers(sizes, dtype)(words, bounds[0], bounds[1]);
  const { min, max } = rangeOf(dtype);
  const within = bounds.map((x, i) =>
    clip(convertTo(x, "int32", false), scalarOf(min, "int32"), scalarOf(max + i, "int32")),
  );
  return convertTo(integers(sizes, "int32")(words, within[0], within[1]), dtype, false);
}
