/** Updates out of place: `at(x, 0, ":").set(1)` is x with its first row 1. Under jit, on an array no longer needed, they happen in place. */
import { type DType, isInteger, promoteTypes } from "../../base/dtypes.ts";
import { roundTo } from "../../base/rounding.ts";
import type { PrimitiveRules } from "../../primitives/primitive.ts";
import { scatter, scatterAdd, scatterMax, scatterMin, scatterMul, scatterSub } from "../../primitives/scatter.ts";
import type { ScatterParams } from "../../primitives/scatter-dimensions.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import { divide } from "./elementwise.ts";
import { convert, dropAxes, filled, reversed } from "./equations.ts";
import { gatherIndex } from "./gather-index.ts";
import { type Index, parseIndex } from "./index-spec.ts";
import { type GetOptions, gatherMode, getAt, type IndexOptions, indexDefaults } from "./indexing.ts";
import { power } from "./power.ts";
import { broadcastTo } from "./shape.ts";

/**
 * A part of an array, to be read or replaced. Updates are cast to the array's dtype and broadcast to the part's shape.
 * If indices repeat, `set` applies one of the updates, the other methods apply all.
 * By default an index out of bounds reads the nearest element and writes nothing.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.ndarray.at.html
 */
export class IndexedPart {
  readonly #array: Array;
  readonly #index: Index;

  constructor(array: Array, index: Index) {
    this.#array = array;
    this.#index = index;
  }

  /** The part itself. @throws ShapeError, DTypeError for an index that does not fit */
  get(options?: GetOptions): Array {
    return getAt(this.#array, this.#index, options);
  }
  /** The array with the part replaced. */
  set(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.set", scatter, this.#array, this.#index, values, options);
  }
  /** The array with values added. @throws DTypeError for bool, as all below */
  add(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.add", scatterAdd, this.#array, this.#index, values, options);
  }
  /** The array with the values subtracted from the part; of values for one place all. */
  subtract(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.subtract", scatterSub, this.#array, this.#index, values, options);
  }
  /** The array with the part multiplied by the values; of values for one place by all. */
  multiply(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.multiply", scatterMul, this.#array, this.#index, values, options);
  }
  /** Another name of `multiply`, as in JAX. */
  mul(values: ArrayLike, options?: IndexOptions): Array {
    return this.multiply(values, options);
  }
  /** The array divided by the product of the values: float32 of an integer array. */
  divide(values: ArrayLike, options?: IndexOptions): Array {
    return divide(this.#array, this.#collected("at.divide", values, options));
  }
  /** The array to the power of the product of the values. */
  power(values: ArrayLike, options?: IndexOptions): Array {
    return power(this.#array, this.#collected("at.power", values, options));
  }
  /** The array with the smaller of itself and the values at the part; of values for one place the smallest. */
  min(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.min", scatterMin, this.#array, this.#index, values, options);
  }
  /** The array with the larger of itself and the values at the part; of values for one place the largest. */
  max(values: ArrayLike, options?: IndexOptions): Array {
    return update("at.max", scatterMax, this.#array, this.#index, values, options);
  }

  /** Products of the values at their places, 1 elsewhere. */
  #collected(op: string, values: ArrayLike, options: IndexOptions | undefined): Array {
    const { shape, dtype, weakType } = this.#array;
    return update(op, scatterMul, filled(1, shape, dtype, weakType), this.#index, values, options);
  }
}

/** The part of x at an index: see `IndexedPart` for what can be done with it, `IndexEntry` for how to write it. */
export const at = (x: ArrayLike, ...index: Index): IndexedPart => new IndexedPart(asArray("at", x), index);

function update(
  op: string,
  primitive: PrimitiveRules<ScatterParams>,
  x: Array,
  index: Index,
  values: ArrayLike,
  options: IndexOptions | undefined,
): Array {
  const { mode, indicesAreSorted, uniqueIndices, wrapNegativeIndices } = optionsOf(op, options, {
    ...indexDefaults,
    mode: "drop",
  });
  const place = gatherIndex(op, parseIndex(op, index, x.shape), x.shape, wrapNegativeIndices);
  const scatterMode = gatherMode(op, mode);
  if (place.shape.includes(0)) return x;
  const [operand, given] = promoted(op, x, updatesOf(op, values, x.dtype));
  const updates = reversed(dropAxes(broadcastTo(given, place.shape), place.newAxes), place.reversedAxes);
  const result = bind1(primitive, [operand, place.indices, updates], {
    dimensionNumbers: {
      updateWindowDims: place.offsetDims,
      insertedWindowDims: place.collapsedSliceDims,
      scatterDimsToOperandDims: place.startIndexMap,
      operandBatchingDims: [],
      scatterIndicesBatchingDims: [],
    },
    mode: scatterMode,
    indicesAreSorted: indicesAreSorted || place.distinct,
    uniqueIndices: uniqueIndices || place.distinct,
  });
  return convert(result, x.dtype, x.weakType);
}

/** A whole number takes an integer array's dtype, wrapping if it must. */
function updatesOf(op: string, values: ArrayLike, dtype: DType): Array {
  if (typeof values === "number" && Number.isInteger(values) && isInteger(dtype))
    return scalarOf(roundTo(dtype, values), dtype);
  return asArray(op, values);
}

function promoted(op: string, x: Array, y: Array): [Array, Array] {
  const { dtype, weakType } = promoteTypes(op, [x.aval, y.aval]);
  return [convert(x, dtype, weakType), convert(y, dtype, weakType)];
}
