/** Repeats, shifts, flips and rotates elements. */
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxes, canonicalAxis, type Shape } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { max, sub } from "../../primitives/arithmetic.ts";
import { dynamicSlice } from "../../primitives/dynamic-slice.ts";
import { slice as slicePrimitive } from "../../primitives/slice.ts";
import { Array, type ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf, wholeOf, wholesOf } from "../arguments.ts";
import { at } from "./at.ts";
import { asarray, zeros } from "./creation.ts";
import { remainder } from "./division.ts";
import { binary, dropAxes, joined, permute, range, reshapeTo, reversed, spread, wrapNegative } from "./equations.ts";
import { cumsum } from "./positions.ts";
import { broadcastTo, ravel } from "./shape.ts";
import { staticJit } from "./static-jit.ts";
import { take } from "./take.ts";

type Axes = number | readonly number[];

/**
 * x laid out `reps[i]` times along each axis; axes are added in front of the shorter of the two.
 * @throws ShapeError unless reps are whole and at least 0
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tile.html
 */
export function tile(x: ArrayLike, reps: number | Shape): Array {
  const operand = asArray("tile", x);
  const counts = wholesOf("tile", "repetitions", reps);
  if (!counts.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(`tile: repetitions must be whole numbers of at least 0; got (${counts.join(", ")})`);
  const rank = Math.max(operand.ndim, counts.length);
  const times = [...range(rank - counts.length).fill(1), ...counts];
  const sizes = [...range(rank - operand.ndim).fill(1), ...operand.shape];
  if (times.every((n) => n === 1)) return reshapeTo(operand, sizes);
  // [a, b] becomes [r, a, s, b], of which [r·a, s·b] are the rows.
  const spreadShape = sizes.flatMap((n, axis) => [times[axis], n]);
  const places = range(operand.ndim).map((axis) => 2 * (rank - operand.ndim + axis) + 1);
  return reshapeTo(
    spread(operand, spreadShape, places),
    sizes.map((n, axis) => n * times[axis]),
  );
}

/** Options of `repeat`. */
export interface RepeatOptions {
  /** Without it x is flattened first. */
  readonly axis?: number | null;
  /** Size of the result along the axis, required if the counts are an array: truncates the result, or pads it with the last element. */
  readonly totalRepeatLength?: number;
}

/**
 * Each element `repeats` times in a row; an array gives every index along the axis its own count.
 * @throws ShapeError if an array of counts comes without `totalRepeatLength` or does not fit the axis
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.repeat.html
 */
export function repeat(x: ArrayLike, repeats: number | readonly number[] | Array, options?: RepeatOptions): Array {
  const { axis, totalRepeatLength } = optionsOf("repeat", options, { axis: undefined, totalRepeatLength: undefined });
  const given = asArray("repeat", x);
  const operand = axis === undefined || axis === null ? ravel(given) : given;
  const along = canonicalAxis("repeat", axis ?? 0, operand.ndim);
  if (typeof repeats === "number" && totalRepeatLength === undefined) return repeatEvenly(operand, repeats, along);
  return repeatByCounts(operand, repeats, along, totalRepeatLength);
}

function repeatEvenly(x: Array, times: number, axis: number): Array {
  if (!Number.isInteger(times) || times < 0)
    throw new ShapeError(`repeat: counts must be whole numbers of at least 0; got ${times}`);
  const shape = x.shape.toSpliced(axis + 1, 0, times);
  const kept = range(shape.length).filter((a) => a !== axis + 1);
  return reshapeTo(spread(x, shape, kept), x.shape.with(axis, x.shape[axis] * times));
}

function repeatByCounts(
  x: Array,
  repeats: number | readonly number[] | Array,
  axis: number,
  total: number | undefined,
): Array {
  const size = x.shape[axis];
  const length = total ?? (repeats instanceof Array ? undefined : knownTotal(repeats, size));
  if (length === undefined)
    throw new ShapeError(
      "repeat: an array of counts must come with totalRepeatLength, for its values are not known; got none",
    );
  const given = asarray(repeats);
  const counts = broadcastTo(given.ndim === 0 ? reshapeTo(given, [1]) : given, [size]);
  if (size === 0 || length === 0) return zeros(x.shape.with(axis, length), { dtype: x.dtype });
  // Element i begins where those before it end; a running sum over 1s put there gives the element of each place.
  const starts = cumsum(at(roll(counts, 1, { axis: 0 }), 0).set(0));
  const marks = at(zeros(length, { dtype: "int32" }), starts).add(1);
  return take(x, binary(sub, cumsum(marks), 1), { axis });
}

function knownTotal(repeats: number | readonly number[], size: number): number {
  const counts = wholesOf("repeat", "counts", repeats);
  if ((counts.length !== size && counts.length !== 1) || !counts.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(
      `repeat: there must be one count, or one for each of ${size} elements, of at least 0; got (${counts.join(", ")})`,
    );
  return counts.reduce((a, b) => a + b, 0) * (counts.length === 1 ? size : 1);
}

// ---- shifts -----------------------------------------------------------------

const staticRoll = staticJit("_roll_static", (shifts: readonly number[], axes: readonly number[]) => (x: Array) => {
  let rolled = x;
  axes.forEach((axis, i) => {
    const size = x.shape[axis];
    if (size === 0) return;
    const cut = ((-shifts[i] % size) + size) % size;
    rolled = joined([part(rolled, axis, cut, size), part(rolled, axis, 0, cut)], axis);
  });
  return rolled;
});

const part = (x: Array, axis: number, start: number, limit: number): Array =>
  bind1(slicePrimitive, [x], {
    startIndices: x.shape.map((_, a) => (a === axis ? start : 0)),
    limitIndices: x.shape.with(axis, limit),
    strides: x.shape.map(() => 1),
  });

const dynamicRoll = staticJit("_roll_dynamic", (axes: readonly number[]) => (x: Array, shift: Array) => {
  let rolled = x;
  const shifts = broadcastTo(shift, [axes.length]);
  axes.forEach((axis, i) => {
    const size = x.shape[axis];
    const by = remainder(dropAxes(part(shifts, 0, i, i + 1), [0]), binary(max, scalarOf(size, shift.dtype), 1));
    const twice = joined([rolled, rolled], axis);
    const start = wrapNegative(binary(sub, size, by), 2 * size);
    const starts = x.shape.map((_, a) => (a === axis ? start : scalarOf(0, shift.dtype)));
    rolled = bind1(dynamicSlice, [twice, ...starts], { sliceSizes: x.shape });
  });
  return rolled;
});

/**
 * Elements moved along axes, those that leave at the end coming in at the start; without an axis along the flattened array.
 * @param shift whole numbers, or an integer array
 * @throws ShapeError unless there is one shift for all axes or one each
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.roll.html
 */
export function roll(x: ArrayLike, shift: Axes | Array, options?: { readonly axis?: Axes | null }): Array {
  const { axis } = optionsOf("roll", options, { axis: undefined });
  const operand = asArray("roll", x);
  if (axis === undefined || axis === null) return reshapeTo(roll(ravel(operand), shift, { axis: 0 }), operand.shape);
  const axes = wholesOf("roll", "axis", axis).map((a) => canonicalAxis("roll", a, operand.ndim));
  if (shift instanceof Array) {
    if (shift.ndim > 1 || (shift.ndim === 1 && shift.size !== 1 && shift.size !== axes.length))
      throw new ShapeError(
        `roll: there must be one shift or one an axis; got ${formatAval(shift.aval)} for ${axes.length} axes`,
      );
    return dynamicRoll(axes)(operand, shift);
  }
  const shifts = wholesOf("roll", "shift", shift);
  const count = Math.max(shifts.length, axes.length);
  if (
    (shifts.length !== count && shifts.length !== 1) ||
    (axes.length !== count && axes.length !== 1) ||
    !shifts.every(Number.isInteger)
  )
    throw new ShapeError(
      `roll: there must be one whole shift or one an axis; got (${shifts.join(", ")}) for ${axes.length} axes`,
    );
  const each = <T>(list: readonly T[]): T[] => range(count).map((i) => list[list.length === 1 ? 0 : i]);
  return staticRoll(each(shifts), each(axes))(operand);
}

// ---- rotation --------------------------------------------------------------------

const reverse = staticJit("_flip", (axes: readonly number[]) => (x: Array) => reversed(x, axes));

/** The order along axes reversed: those named, or all. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.flip.html */
export function flip(x: ArrayLike, axis?: Axes | null): Array {
  const operand = asArray("flip", x);
  return reverse(canonicalAxes("flip", axis, operand.ndim))(operand);
}
/** Reverses axis 1. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.fliplr.html */
export const fliplr = (x: ArrayLike): Array => flip(x, 1);
/** Reverses axis 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.flipud.html */
export const flipud = (x: ArrayLike): Array => flip(x, 0);

const turn = staticJit("rot90", (quarters: number, first: number, second: number) => (x: Array) => {
  const swapped = (y: Array): Array => permute(y, range(y.ndim).with(first, second).with(second, first));
  if (quarters === 1) return swapped(flip(x, second));
  if (quarters === 2) return flip(flip(x, first), second);
  return quarters === 3 ? flip(swapped(x), second) : x;
});

/** Turned by `k` quarters from the first of two axes towards the second. @throws ShapeError unless the axes differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.rot90.html */
export function rot90(x: ArrayLike, k = 1, axes: readonly [number, number] = [0, 1]): Array {
  const operand = asArray("rot90", x);
  const [first, second] = wholesOf("rot90", "axes", axes).map((axis) => canonicalAxis("rot90", axis, operand.ndim));
  if (first === second) throw new ShapeError(`rot90: the two axes must differ; got (${axes.join(", ")})`);
  return turn(((wholeOf("rot90", "k", k) % 4) + 4) % 4, first, second)(operand);
}
