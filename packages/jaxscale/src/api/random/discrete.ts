/** Random choices and permutations. */
import { isInteger } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { broadcastShapes, canonicalAxis, type Shape, sameShape, sizeOf } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { randomBits } from "../../primitives/random.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import * as lax from "../lax/index.ts";
import { add, log, multiply, subtract } from "../numpy/elementwise.ts";
import { argmax, cumsum } from "../numpy/positions.ts";
import { promoteArgsInexact } from "../numpy/promotion.ts";
import { arange } from "../numpy/ranges.ts";
import { searchsorted } from "../numpy/searching.ts";
import { moveaxis } from "../numpy/shape.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { take } from "../numpy/take.ts";
import { type GumbelMode, gumbel } from "./continuous.ts";
import { type Key, singleKey } from "./key-array.ts";
import { splitWords } from "./keys.ts";
import { randint, sampleShape, uniform } from "./uniform.ts";

export interface CategoricalOptions {
  /** Of the categories; the last if absent. */
  readonly axis?: number;
  /** Its trailing part is the shape of the logits without `axis`; that alone if absent. */
  readonly shape?: Shape;
  /** Whether draws of one distribution may be equal; true if absent. */
  readonly replace?: boolean;
  readonly mode?: GumbelMode;
}

/**
 * Categories, int32, drawn with probabilities whose logarithms are the logits up to a constant.
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.categorical.html
 */
export function categorical(key: Key, logits: ArrayLike, options?: CategoricalOptions): Array {
  const op = "random.categorical";
  const {
    axis,
    shape: wanted,
    replace,
    mode,
  } = optionsOf(op, options, { axis: -1, shape: undefined, replace: true, mode: undefined });
  const words = singleKey(op, key);
  const operand = asArray(op, logits);
  const along = canonicalAxis(op, axis, operand.ndim);
  const batch = operand.shape.filter((_, i) => i !== along);
  const shape = sampleShape(op, wanted ?? batch);
  if (!sameShape(broadcastShapes(op, shape, batch), shape))
    throw new ShapeError(
      `${op}: shape must end as the logits' does without the axis; got [${shape}] for ${formatAval(operand.aval)} axis ${axis}`,
    );
  const prefix = shape.slice(0, shape.length - batch.length);
  const noisy = { dtype: operand.dtype, mode };
  if (replace) {
    const inner = shape.slice(prefix.length).toSpliced(along, 0, operand.shape[along]);
    const noise = gumbel(words, [...prefix, ...inner], noisy);
    const spread = lax.expandDims(
      operand,
      prefix.map((_, i) => i),
    );
    return argmax(add(noise, spread), { axis: along - operand.ndim });
  }
  const count = sizeOf(prefix);
  if (count > operand.shape[along])
    throw new ShapeError(
      `${op}: draws without replacement must not exceed the categories; got ${count} of ${operand.shape[along]}`,
    );
  const perturbed = add(operand, gumbel(words, operand.shape, noisy));
  const [, places] = lax.topK(moveaxis(perturbed, along, -1), count);
  const order = [places.ndim - 1, ...batch.map((_, i) => i)];
  return lax.reshape(lax.transpose(places, order), shape);
}

// ---- order --------------------------------------------------------------------------

/** Sorts by random keys, repeatedly, so that ties have negligible effect. */
const shuffled = staticJit("_shuffle", (axis: number) => (words: Array, x: Array) => {
  const rounds = Math.ceil((3 * Math.log(Math.max(1, x.size))) / Math.log(2 ** 32 - 1));
  let [key, result] = [words, x];
  for (let round = 0; round < rounds; round++) {
    const [next, own] = splitWords(key);
    key = next;
    const order = bind1(randomBits, [own], { bitWidth: 32, shape: [...x.shape] });
    [, result] = lax.sortKeyVal(order, result, { dimension: axis });
  }
  return result;
});

/**
 * x with its slices along an axis in random order; of a number n, `0 … n − 1` in random order.
 * @param options `independent`: every row in an order of its own
 * @throws DTypeError, ShapeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.permutation.html
 */
export function permutation(
  key: Key,
  x: ArrayLike,
  options?: { readonly axis?: number; readonly independent?: boolean },
): Array {
  const op = "random.permutation";
  const { axis, independent } = optionsOf(op, options, { axis: 0, independent: false });
  const words = singleKey(op, key);
  const operand = asArray(op, x);
  const along = canonicalAxis(op, axis, operand.ndim || 1);
  if (operand.ndim === 0) return shuffled(along)(words, arange(countOf(op, operand)));
  if (independent || operand.ndim === 1) return shuffled(along)(words, operand);
  const order = shuffled(0)(words, arange(operand.shape[along]));
  return take(operand, order, { axis: along, uniqueIndices: true });
}

/** A number known on the host. @throws DTypeError */
function countOf(op: string, x: Array): number {
  if (!isInteger(x.dtype) || x.literal === undefined)
    throw new DTypeError(`${op}: x must be a number, or an array with an axis; got ${formatAval(x.aval)}`);
  return x.literal;
}

// ---- elements -----------------------------------------------------------------------

export interface ChoiceOptions {
  /** A scalar if absent. */
  readonly shape?: Shape;
  /** Whether an element may be drawn again; true if absent. */
  readonly replace?: boolean;
  /** A probability for each element along the axis; all equal if absent. */
  readonly p?: ArrayLike;
  readonly axis?: number;
  readonly mode?: GumbelMode;
}

/**
 * Draws random slices of x along an axis, which replace that axis; of a number n, from `0 … n − 1`.
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.random.choice.html
 */
export function choice(key: Key, x: ArrayLike, options?: ChoiceOptions): Array {
  const op = "random.choice";
  const { shape, replace, p, axis, mode } = optionsOf(op, options, {
    shape: [],
    replace: true,
    p: undefined,
    axis: 0,
    mode: undefined,
  });
  const words = singleKey(op, key);
  const operand = asArray(op, x);
  const sizes = sampleShape(op, shape);
  const draws = sizeOf(sizes);
  const isCount = operand.ndim === 0;
  const along = isCount ? 0 : canonicalAxis(op, axis, operand.ndim);
  const count = isCount ? countOf(op, operand) : operand.shape[along];
  const result = isCount ? sizes : operand.shape.toSpliced(along, 1, ...sizes);
  if (draws === 0) return lax.full(result, scalarOf(0, operand.dtype));
  if (count <= 0)
    throw new ShapeError(
      `${op}: there must be elements to draw from; got ${isCount ? count : formatAval(operand.aval)}`,
    );
  if (!replace && draws > count)
    throw new ShapeError(`${op}: draws without replacement must not exceed the elements; got ${draws} of ${count}`);
  if (p === undefined && !replace) {
    const order = permutation(words, operand, { axis: along });
    return lax.reshape(lax.sliceInDim(order, 0, draws, { axis: along }), result);
  }
  const places = p === undefined ? randint(words, sizes, 0, count) : weighted(words, sizes, count, p, replace, mode);
  return lax.reshape(isCount ? places : take(operand, places, { axis: along }), result);
}

function weighted(
  words: Array,
  sizes: Shape,
  count: number,
  p: ArrayLike,
  replace: boolean,
  mode: GumbelMode | undefined,
): Array {
  const [weights] = promoteArgsInexact("random.choice", p);
  if (!sameShape(weights.shape, [count]))
    throw new ShapeError(
      `random.choice: p must have one number for each of ${count} elements; got ${formatAval(weights.aval)}`,
    );
  if (!replace) {
    const noisy = add(gumbel(words, [count], { dtype: weights.dtype, mode }), log(weights));
    return lax.topK(noisy, sizeOf(sizes))[1];
  }
  const cumulative = cumsum(weights);
  const total = lax.indexInDim(cumulative, count - 1, { keepdims: false });
  const drawn = multiply(total, subtract(1, uniform(words, sizes, { dtype: weights.dtype })));
  return searchsorted(cumulative, drawn);
}
