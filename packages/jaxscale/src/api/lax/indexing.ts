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
import { type Defaults, listOf, oneOf, optionsOf, type Resolved, required } from "../arguments.ts";

/** Handling of out-of-bounds indices: gathers fill and scatters drop; clamp; or the caller promises that there are none. */
export type IndexMode = "fill" | "drop" | "clip" | "promise_in_bounds";

const modes: Record<IndexMode, GatherScatterMode> = {
  fill: "FILL_OR_DROP",
  drop: "FILL_OR_DROP",
  clip: "CLIP",
  promise_in_bounds: "PROMISE_IN_BOUNDS",
};

const modeOf = (op: string, mode: IndexMode): GatherScatterMode =>
  modes[oneOf(op, "mode", mode, Object.keys(modes) as (keyof typeof modes)[])];

interface IndexPromises {
  readonly indicesAreSorted?: boolean;
  readonly uniqueIndices?: boolean;
}
const promises = { indicesAreSorted: false, uniqueIndices: false } as const;

/** Dimension numbers by their defaults, each checked to be a list. */
function dimensionsOf<T extends { readonly [K in keyof T]?: readonly number[] }, const D extends Defaults<T>>(
  op: string,
  numbers: T,
  defaults: D,
): Resolved<T, D> {
  const resolved = optionsOf(op, numbers, defaults);
  for (const [name, axes] of Object.entries(resolved)) listOf(op, name, axes as readonly number[]);
  return resolved;
}

/** Options of `lax.gather`. */
export interface GatherOptions extends IndexPromises {
  readonly dimensionNumbers: {
    readonly offsetDims: readonly number[];
    readonly collapsedSliceDims: readonly number[];
    readonly startIndexMap: readonly number[];
    readonly operandBatchingDims?: readonly number[];
    readonly startIndicesBatchingDims?: readonly number[];
  };
  readonly sliceSizes: readonly number[];
  /** "promise_in_bounds" if absent; the window is clamped in that case too. */
  readonly mode?: IndexMode;
  /** With mode "fill"; NaN, the least signed or greatest unsigned integer, or true if absent. */
  readonly fillValue?: number | boolean | null;
}

/**
 * Slices of x, each from a start in `indices`, integers `[…, entries]`.
 * @throws ShapeError, DTypeError unless the dimension numbers fit
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.gather.html
 */
export function gather(x: ArrayLike, indices: ArrayLike, given: GatherOptions): Array {
  const operand = asArray("gather", x);
  const options = optionsOf("gather", given, {
    dimensionNumbers: required,
    sliceSizes: required,
    ...promises,
    mode: "promise_in_bounds",
    fillValue: undefined,
  });
  const mode = modeOf("gather", options.mode);
  const fills = mode === "FILL_OR_DROP";
  return bind1(gatherPrimitive, [operand, asArray("gather", indices)], {
    dimensionNumbers: dimensionsOf("gather", options.dimensionNumbers, {
      offsetDims: required,
      collapsedSliceDims: required,
      startIndexMap: required,
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    }),
    sliceSizes: [...listOf("gather", "sliceSizes", options.sliceSizes)],
    mode,
    fillValue: fills ? (options.fillValue ?? defaultFill(operand.dtype)) : null,
    indicesAreSorted: options.indicesAreSorted,
    uniqueIndices: options.uniqueIndices,
  });
}

function defaultFill(dtype: DType): number | boolean {
  if (isFloat(dtype)) return Number.NaN;
  if (isBool(dtype)) return true;
  const { min, max } = rangeOf(dtype);
  return kindOf(dtype) === "signed" ? min : max;
}

/** Options of `lax.scatter` and related functions. */
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
  (x: ArrayLike, indices: ArrayLike, updates: ArrayLike, options: ScatterOptions): Array => {
    const op = primitive.name;
    const operands = [x, indices, updates].map((operand) => asArray(op, operand));
    const given = optionsOf(op, options, { dimensionNumbers: required, ...promises, mode: "drop" });
    return bind1(primitive, operands, {
      dimensionNumbers: dimensionsOf(op, given.dimensionNumbers, {
        updateWindowDims: required,
        insertedWindowDims: required,
        scatterDimsToOperandDims: required,
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      }),
      mode: modeOf(op, given.mode),
      indicesAreSorted: given.indicesAreSorted,
      uniqueIndices: given.uniqueIndices,
    });
  };

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
