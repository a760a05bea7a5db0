/** Evenly spaced numbers, and grids of them. */

import { describe } from "../../base/describe.ts";
import { bitsOf, type DType, isFloat, promoteTypes } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { roundTo } from "../../base/rounding.ts";
import { canonicalAxis, checkElementCount } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { add, mul, sub } from "../../primitives/arithmetic.ts";
import { div } from "../../primitives/division.ts";
import { floor } from "../../primitives/rounding.ts";
import { pow } from "../../primitives/transcendental.ts";
import { Array, type ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf, numberOf, oneOf, optionsOf, wholeOf } from "../arguments.ts";
import type { DTypeOption } from "./creation.ts";
import { binary, convert, counting, filled, insertAxes, joined, range, reshapeTo, spread } from "./equations.ts";
import { broadcastArrays } from "./shape.ts";
import { staticJit } from "./static-jit.ts";

interface Arange {
  (stop: number, options?: DTypeOption): Array;
  (start: number, stop: number, options?: DTypeOption): Array;
  (start: number, stop: number, step: number, options?: DTypeOption): Array;
}

/**
 * `start, start + step, …` below `stop` (above it for a negative step): `ceil((stop − start) / step)` numbers.
 * int32 if all arguments are whole, else float32, unless a dtype is given.
 * @throws DTypeError for arrays, whose values may not be known, and for numbers beyond 32 bits; ShapeError for step 0 and more than 2^31 - 1 numbers
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arange.html
 */
export const arange: Arange = (...args: readonly (number | DTypeOption | undefined)[]): Array => {
  const last = args.at(-1);
  const given = typeof last === "object" && !(last instanceof Array) ? last : undefined;
  const options = optionsOf("arange", given, { dtype: undefined });
  const numbers = (given === undefined ? args : args.slice(0, -1)).filter((x) => x !== undefined);
  if (!numbers.every((x) => typeof x === "number") || numbers.length === 0)
    throw new DTypeError(
      `arange: start, stop and step must be numbers; got ${numbers.map((x) => describe(x)).join(", ")}`,
    );
  const isWhole = numbers.every((x) => Number.isInteger(x) && !Object.is(x, -0));
  const dtype = options.dtype ?? (isWhole ? "int32" : "float32");
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  if (step === 0) throw new ShapeError("arange: step must not be 0; got 0");
  const size = Math.max(0, Math.ceil((stop - start) / (step ?? 1)));
  checkElementCount("arange", [size]);
  checkRange(dtype, start, start + Math.max(0, size - 1) * (step ?? 1));
  const scalar = (x: number, as: DType): Array => scalarOf(roundTo(as, isFloat(as) ? x : Math.trunc(x)), as);
  if (step !== undefined) {
    // Steps are added up in float32: a narrower dtype would drift.
    const working = isFloat(dtype) && bitsOf(dtype) < 32 ? "float32" : dtype;
    const steps = bind1(mul, [scalar(step, working), counting([size], 0, working)], {});
    return convert(bind1(add, [scalar(start, working), steps], {}), dtype);
  }
  const indices = counting([size], 0, dtype);
  return start === 0 ? indices : bind1(add, [scalar(start, dtype), indices], {});
};

const rangeOf: { readonly [D in DType]?: readonly [least: number, most: number] } = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [-(2 ** 31), 2 ** 32 - 1],
};

/** Narrower integers wrap, as in JAX. @throws DTypeError for what 32 bits do not hold */
function checkRange(dtype: DType, first: number, last: number): void {
  const [least, most] = rangeOf[dtype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const x of [first, last])
    if (x < least || x > most)
      throw new DTypeError(`arange: numbers must fit ${dtype}; got ${x} in ${first} to ${last}`);
}

/** Options of `linspace`. */
export interface LinspaceOptions extends DTypeOption {
  /** Whether `stop` is the last number; true by default. */
  readonly endpoint?: boolean;
  /** Position of the new axis in the result, for bounds that are arrays. */
  readonly axis?: number;
}

const spaced = staticJit(
  "_linspace",
  (num: number, endpoint: boolean, axis: number, working: DType, dtype: DType) => (start: Array, stop: Array) => {
    const [from, to] = [start, stop].map((x) => convert(x, working));
    const [low, high] = broadcastArrays(from, to);
    const bounds = low.shape;
    const at = canonicalAxis("linspace", axis, bounds.length + 1);
    const steps = endpoint ? num - 1 : num;
    if (steps > 0) binary(div, bind1(sub, [to, from], {}), steps);
    const single = bounds.toSpliced(at, 0, 1);
    let samples: Array;
    if (num === 0) samples = filled(0, bounds.toSpliced(at, 0, 0), working);
    else if (num === 1) samples = reshapeTo(low, single);
    else {
      const alone = single.map((_, i) => (i === at ? steps : 1));
      const share = binary(div, reshapeTo(counting([steps], 0, working), alone), steps);
      const times = (x: Array, y: Array): Array => bind1(mul, [x, y], {});
      const fromLow = times(reshapeTo(low, single), binary(sub, 1, share));
      samples = bind1(add, [fromLow, times(reshapeTo(high, single), share)], {});
      // The exact bound, which the sum might miss by a rounding.
      if (endpoint) samples = joined([samples, insertAxes("linspace", high, [at])], at);
    }
    return convert(
      isFloat(dtype) || isFloat(working) === isFloat(dtype) ? samples : bind1(floor, [samples], {}),
      dtype,
    );
  },
);

/**
 * `num` numbers evenly spaced from `start` to `stop`, which may be arrays.
 * float32 unless a dtype is given; integers are rounded down.
 * @throws ShapeError unless num is whole and at least 0
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.linspace.html
 */
export function linspace(start: ArrayLike, stop: ArrayLike, num = 50, options?: LinspaceOptions): Array {
  const { endpoint, axis, dtype } = optionsOf("linspace", options, { endpoint: true, axis: 0, dtype: undefined });
  wholeOf("linspace", "num", num, 0);
  const [from, to] = [asArray("linspace", start), asArray("linspace", stop)];
  const common = promoteTypes("linspace", [from.aval, to.aval]).dtype;
  const float = isFloat(common) ? common : "float32";
  const wanted = dtype ?? float;
  return spaced(num, endpoint, axis, isFloat(wanted) ? wanted : float, wanted)(from, to);
}

/** Options of `logspace`. */
export interface LogspaceOptions extends LinspaceOptions {
  readonly base?: number;
}

/** `base` to the powers of `linspace(start, stop, num)`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.logspace.html */
export function logspace(start: ArrayLike, stop: ArrayLike, num = 50, options?: LogspaceOptions): Array {
  const { endpoint, axis, base, dtype } = optionsOf("logspace", options, {
    endpoint: undefined,
    axis: undefined,
    base: 10,
    dtype: undefined,
  });
  const powers = linspace(start, stop, num, { endpoint, axis });
  const result = bind1(
    pow,
    [scalarOf(roundTo(powers.dtype, numberOf("logspace", "base", base)), powers.dtype), powers],
    {},
  );
  return dtype === undefined ? result : convert(result, dtype);
}

/** Options of `meshgrid`. */
export interface MeshgridOptions {
  /** "xy" (the default) puts the first vector along axis 1 and the second along axis 0; "ij" the i-th along axis i. */
  readonly indexing?: "xy" | "ij";
  /** Leaves axes of size 1 where a grid does not vary. */
  readonly sparse?: boolean;
}

/**
 * Coordinates of a grid: for each vector an array of the grid's shape that varies along one axis.
 * @throws ShapeError unless all are vectors
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.meshgrid.html
 */
export function meshgrid(vectors: readonly ArrayLike[], options?: MeshgridOptions): Array[] {
  const { indexing, sparse } = optionsOf("meshgrid", options, { indexing: "xy", sparse: false });
  oneOf("meshgrid", "indexing", indexing, ["xy", "ij"]);
  const operands = listOf("meshgrid", "arguments", vectors).map((x) => asArray("meshgrid", x));
  if (operands.some((x) => x.ndim !== 1))
    throw new ShapeError(
      `meshgrid: arguments must be vectors; got ${operands.map((x) => formatAval(x.aval)).join(", ")}`,
    );
  const swap = indexing === "xy" && operands.length > 1;
  const order = range(operands.length);
  if (swap) order.splice(0, 2, 1, 0);
  const shape = order.map((i) => operands[i].size);
  const grids: Array[] = [];
  order.forEach((i, axis) => {
    const wanted = sparse ? shape.map((n, a) => (a === axis ? n : 1)) : shape;
    grids[i] = wanted.length === 1 ? operands[i] : spread(operands[i], wanted, [axis]);
  });
  return grids;
}
