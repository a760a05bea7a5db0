/** Gathers and scatters by arrays of index vectors, with dimension numbers. */
import { type DType, isBool, isFloat, kindOf, rangeOf } from "../../base/dtypes.ts";
import { gather as gatherPrimitive } from "../../primitives/gather.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import * as scatters from "../../primitives/scatter.ts";
import type { ScatterParams } from "../../primitives/scatter-dimensions.ts";
import type { GatherScatterMode } from "../../primitives/window-map.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";

/** What becomes of indices out of bounds: a gather fills and a scatter drops; they are moved inside; or the caller promises that there are none. */
export type IndexMode = "fill" | "drop" | "clip" | "promise_in_bounds";

const modes: Record<IndexMode, GatherScatterMode> = {
  fill: "FILL_OR_DROP",
  drop: "FILL_OR_DROP",
  clip: "CLIP",
  promise_in_bounds: "PROMISE_IN_BOUNDS",
};

interface IndexPromises {
  readonly indicesAreSorted?: boolean;
  readonly uniqueIndices?: boolean;
}

export interface GatherOptions extends IndexPromises {
  readonly dimensionNumbers: {
    readonly offsetDims: readonly number[];
    readonly collapsedSliceDims: readonly number[];
    readonly startIndexMap: readonly number[];
    readonly operandBatchingDims?: readonly number[];
    readonly startIndicesBatchingDims?: readonly number[];
  };
  readonly sliceSizes: readonly number[];
  /** "promise_in_bounds" if absent: the window is moved inside all the same. */
  readonly mode?: IndexMode;
  /** With mode "fill"; NaN, the least signed or greatest unsigned integer, or true if absent. */
  readonly fillValue?: number | boolean | null;
}

/**
 * Slices of x, each from a start in `indices`, integers `[…, entries]`.
 * @throws ShapeError, DTypeError unless the dimension numbers fit
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.gather.html
 */
export function gather(x: ArrayLike, indices: ArrayLike, options: GatherOptions): Array {
  const operand = asArray("gather", x);
  const mode = modes[options.mode ?? "promise_in_bounds"];
  const fills = mode === "FILL_OR_DROP";
  return bind1(gatherPrimitive, [operand, asArray("gather", indices)], {
    dimensionNumbers: { operandBatchingDims: [], startIndicesBatchingDims: [], ...options.dimensionNumbers },
    sliceSizes: [...options.sliceSizes],
    mode,
    fillValue: fills ? (options.fillValue ?? defaultFill(operand.dtype)) : null,
    indicesAreSorted: options.indicesAreSorted ?? false,
    uniqueIndices: options.uniqueIndices ?? false,
  });
}

function defaultFill(dtype: DType): number | boolean {
  if (isFloat(dtype)) return Number.NaN;
  if (isBool(dtype)) return true;
  const { min, max } = rangeOf(dtype);
  return kindOf(dtype) === "signed" ? min : max;
}

export interface ScatterOptions extends IndexPromises {
  readonly dimensionNumbers: {
    readonly updateWindowDims: readonly number[];
    readonly insertedWindowDims: readonly number[];
    readonly scatterDimsToOperandDims: readonly number[];
    readonly operandBatchingDims?: readonly number[];
    readonly scatterIndicesBatchingDims?: readonly number[];
  };
  /** "drop" if absent. */
  readonly mode?: IndexMode;
}

const scattering =
  (primitive: PrimitiveRules<ScatterParams>) =>
  (x: ArrayLike, indices: ArrayLike, updates: ArrayLike, options: ScatterOptions): Array =>
    bind1(
      primitive,
      [x, indices, updates].map((operand) => asArray(primitive.name, operand)),
      {
        dimensionNumbers: { operandBatchingDims: [], scatterIndicesBatchingDims: [], ...options.dimensionNumbers },
        mode: modes[options.mode ?? "drop"],
        indicesAreSorted: options.indicesAreSorted ?? false,
        uniqueIndices: options.uniqueIndices ?? false,
      },
    );

/** x with elements replaced; of duplicates the last wins. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter.html */
export const scatter = scattering(scatters.scatter);
/** x with updates added, duplicates included. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_add.html */
export const scatterAdd = scattering(scatters.scatterAdd);
/** x with updates subtracted. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_sub.html */
export const scatterSub = scattering(scatters.scatterSub);
/** x with updates multiplied in. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_mul.html */
export const scatterMul = scattering(scatters.scatterMul);
/** The smaller of x and the updates. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_min.html */
export const scatterMin = scattering(scatters.scatterMin);
/** The larger of x and the updates. @throws ShapeError, DTypeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_max.html */
export const scatterMax = scattering(scatters.scatterMax);
