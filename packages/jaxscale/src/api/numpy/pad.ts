/** Edges added around an array. */

import { describe } from "../../base/describe.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { mul, sub } from "../../primitives/arithmetic.ts";
import { type Padding, pad as padPrimitive } from "../../primitives/pad.ts";
import { slice } from "../../primitives/slice.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { oneOf, optionsOf } from "../arguments.ts";
import { binary, convert, filled, joined, range, reshapeTo, spread } from "./equations.ts";
import { flip } from "./rearrange.ts";
import { max, min } from "./reductions.ts";
import { staticJit } from "./static-jit.ts";
import { mean } from "./statistics.ts";

/** How `pad` fills the new elements. */
export type PadMode = "constant" | "edge" | "reflect" | "symmetric" | "wrap" | "empty" | "maximum" | "minimum" | "mean";
type Pair<T> = readonly [before: T, after: T];
/** One number for all edges, one pair for all axes, or a pair an axis. */
export type PerEdge<T> = T | Pair<T> | readonly Pair<T>[];

/** Options of `pad`. */
export interface PadOptions {
  readonly mode?: PadMode;
  /** For mode "constant". */
  readonly constantValues?: PerEdge<ArrayLike>;
  /** For modes "reflect" and "symmetric": "odd" mirrors the values about the edge's too. */
  readonly reflectType?: "even" | "odd";
}

function perAxis<T>(given: PerEdge<T>, rank: number, what: string): Pair<T>[] {
  if (!globalThis.Array.isArray(given)) return range(rank).map(() => [given as T, given as T]);
  const list = given as readonly (T | Pair<T>)[];
  const isPair = (x: T | Pair<T>): x is Pair<T> => globalThis.Array.isArray(x) && x.length === 2;
  if (list.every(isPair)) {
    if (list.length === rank) return [...list];
    if (list.length === 1) return range(rank).map(() => list[0]);
  } else if (list.length === 2 && !list.some((x) => globalThis.Array.isArray(x))) {
    return range(rank).map(() => [list[0] as T, list[1] as T]);
  }
  throw new ShapeError(`pad: ${what} must be one, one pair, or one pair for each of ${rank} axes; got ${list.length}`);
}

const part = (x: Array, axis: number, start: number, limit: number): Array =>
  bind1(slice, [x], {
    startIndices: x.shape.map((_, a) => (a === axis ? start : 0)),
    limitIndices: x.shape.with(axis, limit),
    strides: x.shape.map(() => 1),
  });

/** A part of size 1 along the axis, `times` times. */
function repeated(x: Array, axis: number, times: number): Array {
  const shape = x.shape.toSpliced(axis + 1, 0, times);
  const kept = range(shape.length).filter((a) => a !== axis + 1);
  return reshapeTo(spread(x, shape, kept), x.shape.with(axis, times));
}

type PadAxis = (x: Array, axis: number, [before, after]: Pair<number>) => Array;

const padEdge: PadAxis = (x, axis, [before, after]) => {
  const size = x.shape[axis];
  return joined(
    [repeated(part(x, axis, 0, 1), axis, before), x, repeated(part(x, axis, size - 1, size), axis, after)],
    axis,
  );
};

const padEmpty: PadAxis = (x, axis, widths) => {
  const [before, after] = widths.map((n) => filled(0, x.shape.with(axis, n), x.dtype));
  return joined([before, x, after], axis);
};

const padWrap: PadAxis = (x, axis, [before, after]) => {
  const size = x.shape[axis];
  const whole = 1 + Math.floor(before / size) + Math.floor(after / size);
  const pieces = range(whole).map(() => x);
  if (before % size) pieces.unshift(part(x, axis, size - (before % size), size));
  if (after % size) pieces.push(part(x, axis, 0, after % size));
  return pieces.length === 1 ? x : joined(pieces, axis);
};

const padStatistic =
  (statistic: (x: Array, axis: number) => Array): PadAxis =>
  (x, axis, [before, after]) => {
    const edge = convert(statistic(x, axis), x.dtype);
    return joined([repeated(edge, axis, before), x, repeated(edge, axis, after)], axis);
  };

/** Mirrors in steps, for one reflection adds at most the array's own length. */
function padMirrored(mode: PadMode, odd: boolean): PadAxis {
  return (x, axis, [before, after]) => {
    if (before === 0 && after === 0) return x;
    const size = x.shape[axis];
    const skipped = mode === "reflect" && size > 1 ? 1 : 0;
    const grow = (start: Array, missing: number, front: boolean): Array => {
      const last = start.shape[axis];
      let grown = start;
      let edge = front ? part(start, axis, 0, 1) : part(start, axis, last - 1, last);
      for (let left = missing; left > 0; ) {
        const step = Math.min(left, size - skipped);
        left -= step;
        const end = grown.shape[axis] - skipped;
        const source = front ? part(grown, axis, skipped, skipped + step) : part(grown, axis, end - step, end);
        let mirrored = flip(source, axis);
        if (odd) {
          mirrored = bind1(sub, [binary(mul, 2, edge), mirrored], {});
          if (size > 1) edge = front ? part(mirrored, axis, 0, 1) : part(mirrored, axis, step - 1, step);
        }
        grown = joined(front ? [mirrored, grown] : [grown, mirrored], axis);
      }
      return grown;
    };
    return grow(grow(x, before, true), after, false);
  };
}

const paddings: Record<Exclude<PadMode, "constant">, (odd: boolean) => PadAxis> = {
  edge: () => padEdge,
  empty: () => padEmpty,
  wrap: () => padWrap,
  reflect: (odd) => padMirrored("reflect", odd),
  symmetric: (odd) => padMirrored("symmetric", odd),
  maximum: () => padStatistic((x, axis) => max(x, { axis, keepdims: true })),
  minimum: () => padStatistic((x, axis) => min(x, { axis, keepdims: true })),
  mean: () => padStatistic((x, axis) => mean(x, { axis, keepdims: true })),
};

const padded = staticJit(
  "_pad",
  (mode: PadMode, odd: boolean, widths: readonly Pair<number>[]) =>
    (x: Array, ...values: Array[]): Array => {
      if (mode !== "constant") {
        const padAxis = paddings[mode](odd);
        return widths.reduce((sum, pair, axis) => padAxis(sum, axis, pair), x);
      }
      const config = (low: (axis: number) => number, high: (axis: number) => number): Padding[] =>
        widths.map((_, axis) => [low(axis), high(axis), 0]);
      const pad = (y: Array, value: Array, paddingConfig: Padding[]): Array =>
        bind1(padPrimitive, [y, convert(value, x.dtype)], { paddingConfig });
      if (values.length === 1)
        return pad(
          x,
          values[0],
          config(
            (axis) => widths[axis][0],
            (axis) => widths[axis][1],
          ),
        );
      const only = (at: number, n: number) => (axis: number) => (axis === at ? n : 0);
      const none = (): number => 0;
      return widths.reduce((y, [before, after], axis) => {
        const front = before === 0 ? y : pad(y, values[2 * axis], config(only(axis, before), none));
        return after === 0 ? front : pad(front, values[2 * axis + 1], config(none, only(axis, after)));
      }, x);
    },
);

/**
 * x with `padWidth` elements before and after each axis: a value, or made of x's own.
 * @param padWidth whole numbers of at least 0
 * @throws ShapeError for other widths, or an empty axis that gives no values to pad with
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.pad.html
 */
export function pad(x: ArrayLike, padWidth: PerEdge<number>, options?: PadOptions): Array {
  const { mode, constantValues, reflectType } = optionsOf("pad", options, {
    mode: "constant",
    constantValues: 0,
    reflectType: "even",
  });
  const operand = asArray("pad", x);
  const widths = perAxis(padWidth, operand.ndim, "widths");
  if (!widths.flat().every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(`pad: widths must be whole numbers of at least 0; got ${describe(padWidth)}`);
  if (mode !== "constant") oneOf("pad", "mode", mode, Object.keys(paddings) as (keyof typeof paddings)[]);
  oneOf("pad", "reflectType", reflectType, ["even", "odd"]);
  if (
    mode !== "constant" &&
    mode !== "empty" &&
    operand.shape.some((n, axis) => n === 0 && widths[axis].some((w) => w > 0))
  )
    throw new ShapeError(`pad: mode ${mode} needs elements along every padded axis; got ${formatAval(operand.aval)}`);
  const single = mode !== "constant" || !globalThis.Array.isArray(constantValues);
  const values = single
    ? [asArray("pad", mode === "constant" ? (constantValues as ArrayLike) : 0)]
    : perAxis(constantValues as PerEdge<ArrayLike>, operand.ndim, "constant values")
        .flat()
        .map((value) => asArray("pad", value));
  return padded(mode, reflectType === "odd", widths)(operand, ...values);
}
