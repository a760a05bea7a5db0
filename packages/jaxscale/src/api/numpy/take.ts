/** Elements picked by arrays of indices along one axis. */

import { isInteger, kindOf } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { roundTo } from "../../base/rounding.ts";
import { broadcastShapes, canonicalAxis } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { add } from "../../primitives/arithmetic.ts";
import { lt } from "../../primitives/compare.ts";
import { gather } from "../../primitives/gather.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { oneOf, optionsOf, required } from "../arguments.ts";
import { at } from "./at.ts";
import { zeros } from "./creation.ts";
import { remainder } from "./division.ts";
import { binary, convert, dropAxes, filled, insertAxes, range, reshapeTo, wrapNegative } from "./equations.ts";
import { clip } from "./float-functions.ts";
import { defaultFill, gatherMode, type IndexMode } from "./indexing.ts";
import { where } from "./logic.ts";
import { ravel } from "./shape.ts";
import { staticJit } from "./static-jit.ts";

/** Options of `take`. */
export interface TakeOptions {
  /** Without it x is flattened first. */
  readonly axis?: number | null;
  /** Handling of out-of-bounds indices: "fill" (the default) gives `fillValue`, "clip" the nearest (0 for negative ones), "wrap" goes round. */
  readonly mode?: "fill" | "clip" | "wrap" | null;
  /** Without it: NaN, the least signed or greatest unsigned integer, true. */
  readonly fillValue?: number | boolean;
  readonly uniqueIndices?: boolean;
  readonly indicesAreSorted?: boolean;
}

const takeMode = { fill: "FILL_OR_DROP", clip: "CLIP", wrap: "PROMISE_IN_BOUNDS" } as const;

const taken = staticJit(
  "_take",
  (
    axis: number | null,
    mode: "fill" | "clip" | "wrap",
    fillValue: number | boolean | null,
    unique: boolean,
    sorted: boolean,
  ) =>
    (given: Array, indices: Array) => {
      const x = axis === null ? ravel(given) : given;
      const along = axis ?? 0;
      const size = x.shape[along];
      const shape = x.shape.toSpliced(along, 1, ...indices.shape);
      const places =
        mode === "wrap"
          ? remainder(indices, scalarOf(roundTo(indices.dtype, size), indices.dtype))
          : mode === "clip"
            ? indices
            : where(binary(lt, indices, 0), binary(add, indices, roundTo(indices.dtype, size)), indices);
      if (shape.includes(0)) return filled(0, shape, x.dtype, x.weakType);
      return bind1(gather, [x, insertAxes("take", places, [indices.ndim])], {
        dimensionNumbers: {
          offsetDims: range(shape.length).filter((a) => a < along || a >= along + indices.ndim),
          collapsedSliceDims: [along],
          startIndexMap: [along],
          operandBatchingDims: [],
          startIndicesBatchingDims: [],
        },
        sliceSizes: x.shape.with(along, 1),
        mode: takeMode[mode],
        fillValue: mode === "fill" ? (fillValue ?? defaultFill(x.dtype)) : null,
        indicesAreSorted: sorted,
        uniqueIndices: unique,
      });
    },
);

function indexOperand(op: string, indices: ArrayLike): Array {
  const operand = asArray(op, indices);
  if (!isInteger(operand.dtype))
    throw new DTypeError(`${op}: indices must be integers; got ${formatAval(operand.aval)}`);
  return operand;
}

/**
 * Slices along an axis by index: the axes of `indices` replace it. Negative indices count from the end.
 * @throws DTypeError unless indices are integers; ShapeError for an empty axis
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.take.html
 */
export function take(x: ArrayLike, indices: ArrayLike, options?: TakeOptions): Array {
  const {
    axis,
    mode: named,
    fillValue,
    uniqueIndices,
    indicesAreSorted,
  } = optionsOf("take", options, {
    axis: null,
    mode: undefined,
    fillValue: undefined,
    uniqueIndices: false,
    indicesAreSorted: false,
  });
  const mode = oneOf("take", "mode", named ?? "fill", ["fill", "clip", "wrap"]);
  const operand = asArray("take", x);
  const places = indexOperand("take", indices);
  const along = axis === null ? null : canonicalAxis("take", axis, operand.ndim);
  if (places.size > 0 && (along === null ? operand.size : operand.shape[along]) === 0)
    throw new ShapeError(`take: an empty axis has no elements to take; got ${formatAval(operand.aval)}`);
  return taken(along, mode, fillValue ?? null, uniqueIndices, indicesAreSorted)(operand, places);
}

/** Options of `takeAlongAxis`. */
export interface TakeAlongAxisOptions {
  /** Null flattens x, for indices in one axis. */
  readonly axis: number | null;
  /** Handling of out-of-bounds indices: "fill" (the default) gives `fillValue`, "clip" the nearest. */
  readonly mode?: IndexMode | null;
  readonly fillValue?: number | boolean;
}

const takenAlong = staticJit(
  "take_along_axis",
  (axis: number | null, mode: IndexMode, fillValue: number | boolean | null) => (given: Array, indices: Array) => {
    const x = axis === null ? ravel(given) : given;
    const along = axis ?? 0;
    const size = x.shape[along];
    const shape = broadcastShapes("takeAlongAxis", indices.shape, x.shape.with(along, 1));
    if (size === 0) return filled(0, shape, x.dtype);
    const signed = convert(
      indices,
      kindOf(indices.dtype) === "signed" && fitsIn(indices.dtype, size) ? indices.dtype : "int32",
    );
    const places = mode === "promise_in_bounds" ? signed : wrapNegative(signed, size);
    // An axis of x is the whole window where indices have size 1, dropped where x has, else paired with the indices' axis.
    const kind = (a: number): "start" | "window" | "dropped" | "paired" =>
      a === along ? "start" : indices.shape[a] === 1 ? "window" : x.shape[a] === 1 ? "dropped" : "paired";
    const axes = range(x.ndim);
    const kept = axes.filter((a) => kind(a) !== "dropped");
    const indexAxes = axes.filter((a) => kind(a) !== "window");
    const among = (list: readonly number[], ...kinds: string[]): number[] =>
      list.flatMap((a, i) => (kinds.includes(kind(a)) ? [i] : []));
    const oob = gatherMode("takeAlongAxis", mode);
    const vectors = reshapeTo(places, [...indexAxes.map((a) => shape[a]), 1]);
    return bind1(
      gather,
      [
        dropAxes(
          x,
          axes.filter((a) => kind(a) === "dropped"),
        ),
        vectors,
      ],
      {
        dimensionNumbers: {
          offsetDims: axes.filter((a) => kind(a) === "window"),
          collapsedSliceDims: among(kept, "start"),
          startIndexMap: among(kept, "start"),
          operandBatchingDims: among(kept, "paired"),
          startIndicesBatchingDims: among(indexAxes, "paired"),
        },
        sliceSizes: kept.map((a) => (kind(a) === "window" ? x.shape[a] : 1)),
        mode: oob,
        fillValue: oob === "FILL_OR_DROP" ? (fillValue ?? defaultFill(x.dtype)) : null,
        indicesAreSorted: false,
        uniqueIndices: false,
      },
    );
  },
);

const fitsIn = (dtype: string, size: number): boolean => size < 2 ** (Number(/\d+/.exec(dtype)?.[0]) - 1);

/**
 * Elements along an axis, each row by its own row of indices; the other axes broadcast. Negative indices count from the end.
 * @throws DTypeError unless indices are integers; ShapeError unless the ranks are equal
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.take_along_axis.html
 */
export function takeAlongAxis(x: ArrayLike, indices: ArrayLike, options: TakeAlongAxisOptions): Array {
  const {
    axis,
    mode: named,
    fillValue,
  } = optionsOf("takeAlongAxis", options, { axis: required, mode: undefined, fillValue: undefined });
  const mode = named ?? "fill";
  const operand = asArray("takeAlongAxis", x);
  const places = indexOperand("takeAlongAxis", indices);
  const rank = axis === null ? 1 : operand.ndim;
  if (places.ndim !== rank)
    throw new ShapeError(
      `takeAlongAxis: indices must have ${rank} axes; got ${formatAval(places.aval)} for ${formatAval(operand.aval)}`,
    );
  const along = axis === null ? null : canonicalAxis("takeAlongAxis", axis, rank);
  gatherMode("takeAlongAxis", mode);
  return takenAlong(along, mode, fillValue ?? null)(operand, places);
}

/** Options of `bincount`. */
export interface BincountOptions {
  /** Number of bins: larger values are not counted, negative ones as 0. */
  readonly length: number;
  /** Weight that each value adds to its bin; 1 by default. */
  readonly weights?: ArrayLike;
}

/**
 * How often each of `0 … length − 1` occurs: int32, or the weights' dtype.
 * @throws DTypeError unless x is integers; ShapeError unless it is a vector
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.bincount.html
 */
export function bincount(x: ArrayLike, options: BincountOptions): Array {
  const { length, weights } = optionsOf("bincount", options, { length: required, weights: 1 });
  const operand = indexOperand("bincount", x);
  if (operand.ndim !== 1) throw new ShapeError(`bincount: x must be a vector; got ${formatAval(operand.aval)}`);
  const counted = asArray("bincount", weights);
  return at(zeros(length, { dtype: counted.dtype }), clip(operand, 0)).add(counted);
}
