/** gather: slices of static size, each from a start in an array of indices. */
import { computeType, type DType, kindOf, rangeOf } from "../base/dtypes.ts";
import { ShapeError } from "../base/errors.ts";
import { roundTo } from "../base/rounding.ts";
import { forEachIndex, type Shape, sizeOf } from "../base/shapes.ts";
import { allocateValues, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import { checkAxes, checkOperandDimensions, type OperandDimensions } from "./dimension-numbers.ts";
import { type Dimension, type FactorList, localShape, newFactors } from "./factors.ts";
import { batched, shiftedByOne } from "./linear-rules.ts";
import { gatherFromOwners, splitPlaces, windowsFit } from "./local-windows.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchAxis,
  type Batched,
  type DerivedRules,
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type ShardingRule,
} from "./primitive.ts";
import { bool, tuple } from "./python-text.ts";
import type { ScatterDimensionNumbers } from "./scatter-dimensions.ts";
import { type GatherScatterMode, type WindowMap, windowDimensions, windowMap } from "./window-map.ts";
import { hostPlaces, readStart, startOf } from "./window-start.ts";

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.GatherDimensionNumbers.html */
export interface GatherDimensionNumbers {
  /** Axes of the result that run within a slice; the others run over the index vectors. */
  readonly offsetDims: readonly number[];
  /** Axes of the operand, of slice size 1, that the result lacks. */
  readonly collapsedSliceDims: readonly number[];
  /** Axis of the operand for each entry of an index vector. */
  readonly startIndexMap: readonly number[];
  /** Axes of the operand that are paired with axes of the indices. */
  readonly operandBatchingDims: readonly number[];
  readonly startIndicesBatchingDims: readonly number[];
}

export type GatherParams = {
  readonly dimensionNumbers: GatherDimensionNumbers;
  readonly sliceSizes: readonly number[];
  readonly mode: GatherScatterMode;
  /** What an out-of-bounds slice holds in mode FILL_OR_DROP; null: NaN, the least signed or greatest unsigned integer, true. */
  readonly fillValue: number | boolean | null;
  readonly indicesAreSorted: boolean;
  readonly uniqueIndices: boolean;
};

const operandDimensions = (numbers: GatherDimensionNumbers): OperandDimensions => ({
  dropped: numbers.collapsedSliceDims,
  batching: numbers.operandBatchingDims,
  indicesBatching: numbers.startIndicesBatchingDims,
  startAxes: numbers.startIndexMap,
});

const mapOf = (
  operand: Shape,
  indices: Shape,
  result: Shape,
  { dimensionNumbers, sliceSizes }: GatherParams,
): WindowMap =>
  windowMap(operand, indices, result, dimensionNumbers.offsetDims, sliceSizes, operandDimensions(dimensionNumbers));

function resultShape(inputs: readonly ShapedArray[], { dimensionNumbers, sliceSizes }: GatherParams): number[] {
  const [operand, indices] = inputs;
  const { offsetDims, collapsedSliceDims, operandBatchingDims } = dimensionNumbers;
  const names = ["collapsedSliceDims", "operandBatchingDims", "startIndicesBatchingDims", "startIndexMap"] as const;
  checkOperandDimensions("gather", inputs, operandDimensions(dimensionNumbers), names);
  const fits = (size: number, axis: number) => Number.isInteger(size) && size >= 0 && size <= operand.shape[axis];
  if (sliceSizes.length !== operand.shape.length || !sliceSizes.every(fits))
    throw new ShapeError(
      `gather: slice sizes must be one for each axis of the operand, none larger than the operand's; got ${formatAval(operand)} and slice sizes ${tuple(sliceSizes)}`,
    );
  const gone = [...collapsedSliceDims, ...operandBatchingDims];
  if (gone.some((axis) => sliceSizes[axis] !== 1))
    throw new ShapeError(
      `gather: collapsed and batching axes must have slice size 1; got axes ${tuple(gone)} and slice sizes ${tuple(sliceSizes)}`,
    );
  const within = sliceSizes.filter((_, axis) => !gone.includes(axis));
  if (within.length !== offsetDims.length)
    throw new ShapeError(
      `gather: offsetDims must have one axis for each axis of a slice that is neither collapsed nor batching; got offsetDims ${tuple(offsetDims)} and slices ${tuple(within)}`,
    );
  const rank = offsetDims.length + indices.shape.length - 1;
  checkAxes("gather", "offsetDims", offsetDims, rank, true);
  const batch = [...indices.shape.slice(0, -1)];
  const offset = [...within];
  return Array.from({ length: rank }, (_, axis) => (offsetDims.includes(axis) ? offset : batch).shift() as number);
}

/** @param placed what a dimension of the operand is that smaller windows are placed along */
function gatherRule(
  { inputs: [operand, indices], outputs: [result], params }: LoweringContext<GatherParams>,
  placed?: (f: FactorList, size: number) => Dimension,
): ShardingRule {
  const f = newFactors();
  const map = mapOf(operand.shape, indices.shape, result.shape, params);
  const dimensions = windowDimensions(map, f, f.parallel, placed && ((size) => placed(f, size)));
  return f.rule([dimensions.operand, dimensions.indices], [dimensions.slices]);
}

function partitionGather(ops: OpBuilder, context: PartitionContext<GatherParams>): readonly Part[] | undefined {
  const {
    params,
    inputs: [operand, vectors],
    outputs: [result],
    sizes,
  } = context;
  const map = mapOf(operand.shape, vectors.shape, result.shape, params);
  // Where indices and operand are split by one axis, the result moves or the operand does: an all-reduce moves twice what it reduces.
  const isFirst = sizeOf(operand.shape) > 2 * sizeOf(result.shape);
  const arranged = context.arranged(gatherRule(context, (f, size) => f.reduction(size, undefined, isFirst)));
  const [layout] = arranged.operands;
  if (splitPlaces(map, layout).length === 0) return undefined;
  const [x, indices] = arranged.parts();
  const value = gatherFromOwners(ops, map, params, { x, indices, layout, sizes });
  const fill = fillOf(operand.dtype, params.fillValue);
  if (params.mode !== "FILL_OR_DROP" || fill === 0) return [{ value, layout: arranged.results[0] }];
  const fits = ops.broadcastInDim(windowsFit(ops, map, indices), value.aval.shape, map.batchAxes);
  return [{ value: ops.select(fits, value, ops.fullLike(value, fill)), layout: arranged.results[0] }];
}

function fillOf(dtype: DType, fill: number | boolean | null): number {
  if (fill !== null) return roundTo(dtype, Number(fill));
  const { min, max } = rangeOf(dtype);
  const kind = kindOf(dtype);
  return kind === "float" ? Number.NaN : kind === "signed" ? min : max;
}

function formatFill(fill: number | boolean | null): string {
  if (typeof fill === "boolean") return bool(fill);
  return fill === null ? "None" : String(fill).replace("Infinity", "inf").replace("NaN", "nan");
}

const gatherRules: DerivedRules<GatherParams> = {
  jvp: ({ bind1 }, [, indices], [dx], { params }) => {
    // What is out of bounds is constant.
    const fillValue = params.mode === "FILL_OR_DROP" ? 0 : null;
    return [dx && bind1("gather", [dx, indices], { ...params, fillValue })];
  },
  transpose: ({ bind1, zeros }, [ct], [, indices], { inputs: [x], params }) => {
    if (ct === null || indices === null) return [null, null];
    const { dimensionNumbers: numbers, mode, indicesAreSorted, uniqueIndices } = params;
    const dimensionNumbers: ScatterDimensionNumbers = {
      updateWindowDims: numbers.offsetDims,
      insertedWindowDims: numbers.collapsedSliceDims,
      scatterDimsToOperandDims: numbers.startIndexMap,
      operandBatchingDims: numbers.operandBatchingDims,
      scatterIndicesBatchingDims: numbers.startIndicesBatchingDims,
    };
    const flags = { dimensionNumbers, mode, indicesAreSorted, uniqueIndices };
    return [bind1("scatter-add", [zeros(x), indices, ct], flags), null];
  },
  batch: (ops, operands, dims, { params, axis }) => batchGather(ops, operands, dims, axis, params),
};

export function batchGather(
  ops: OpBuilder,
  [x, indices]: readonly Operand[],
  [dim, indicesDim]: readonly (number | null)[],
  { size }: BatchAxis,
  params: GatherParams,
): Batched {
  const { dimensionNumbers: numbers, sliceSizes } = params;
  const offsetDims = shiftedByOne(numbers.offsetDims);
  if (dim === null) {
    const startIndicesBatchingDims = shiftedByOne(numbers.startIndicesBatchingDims);
    const result = ops.bind1("gather", [x, ops.batchToFront(indices, indicesDim, size)], {
      ...params,
      dimensionNumbers: { ...numbers, offsetDims, startIndicesBatchingDims },
      // Rows of indices that are each sorted and unique need not be so together.
      indicesAreSorted: false,
      uniqueIndices: false,
    });
    return batched(result, 0);
  }
  const operand = ops.batchToFront(x, dim, size);
  const operandDims = {
    collapsedSliceDims: shiftedByOne(numbers.collapsedSliceDims),
    operandBatchingDims: shiftedByOne(numbers.operandBatchingDims),
    startIndexMap: shiftedByOne(numbers.startIndexMap),
  };
  if (indicesDim === null) {
    const whole = { ...numbers, ...operandDims, offsetDims: [0, ...offsetDims] };
    const wholeSizes = [size, ...sliceSizes];
    return batched(
      ops.bind1("gather", [operand, indices], { ...params, dimensionNumbers: whole, sliceSizes: wholeSizes }),
      0,
    );
  }
  const paired = {
    ...operandDims,
    offsetDims,
    operandBatchingDims: [0, ...operandDims.operandBatchingDims],
    startIndicesBatchingDims: [0, ...shiftedByOne(numbers.startIndicesBatchingDims)],
  };
  const result = ops.bind1("gather", [operand, ops.batchToFront(indices, indicesDim, size)], {
    ...params,
    dimensionNumbers: paired,
    sliceSizes: [size === 0 ? 0 : 1, ...sliceSizes],
  });
  return batched(result, 0);
}

/** Operands: x, integer indices `[…, entries]`, whose last axis holds index vectors. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.gather.html */
export const gather = definePrimitive<GatherParams>("gather", {
  ...gatherRules,
  abstractEval(inputs, params) {
    const [operand] = inputs;
    return [shapedArray(resultShape(inputs, params), operand.dtype, operand.weakType)];
  },
  reference([operand, indices], params) {
    const avals = [operand, indices].map((tensor) => shapedArray(tensor.shape, tensor.dtype));
    const shape = resultShape(avals, params);
    const map = mapOf(operand.shape, indices.shape, shape, params);
    const { vectorOf, offsetOf } = hostPlaces(map);
    const fill = fillOf(operand.dtype, params.fillValue);
    const values = allocateValues(operand.dtype, sizeOf(shape));
    forEachIndex(shape, (index, linear) => {
      const { start, fits } = startOf(map, indices, vectorOf(index));
      const filled = params.mode === "FILL_OR_DROP" && !fits;
      values[linear] = filled ? fill : operand.values[offsetOf(index, start)];
    });
    return [hostTensor(shape, operand.dtype, values)];
  },
  lowering: {
    kind: "map",
    movement: true,
    element(k, index, read, { params, inputs: [operand, indices], outputs: [result] }) {
      const map = mapOf(operand.shape, indices.shape, result.shape, params);
      const position = map.batchAxes.map((axis) => index.coords[axis]);
      const { start, fits } = readStart(k, read, map, position);
      const coords = map.axes.map((axis, d) => {
        if (axis.indicesAxis >= 0) return position[axis.indicesAxis];
        return axis.slicesAxis < 0 ? start[d] : k.add(start[d], index.coords[axis.slicesAxis]);
      });
      const value = read(0, Index.fromCoords(k, operand.shape, coords));
      if (params.mode !== "FILL_OR_DROP") return value;
      const fill = k.constant(computeType(operand.dtype), fillOf(operand.dtype, params.fillValue));
      return k.select(fits, value, fill);
    },
  },
  sharding: (context) => gatherRule(context),
  partition: (ops, _, context) => partitionGather(ops, context),
  localParams(context, sizes) {
    const [operand] = context.inputs;
    const local = localShape(gatherRule(context).operands[0], sizes);
    const { sliceSizes } = context.params;
    return {
      ...context.params,
      sliceSizes: sliceSizes.map((n, axis) => (n === operand.shape[axis] ? local[axis] : n)),
    };
  },
  exact: true,
  printParams: ({ dimensionNumbers: numbers, ...params }, [operand]) => ({
    dimension_numbers: `GatherDimensionNumbers(offset_dims=${tuple(numbers.offsetDims)}, collapsed_slice_dims=${tuple(numbers.collapsedSliceDims)}, start_index_map=${tuple(numbers.startIndexMap)}, operand_batching_dims=${tuple(numbers.operandBatchingDims)}, start_indices_batching_dims=${tuple(numbers.startIndicesBatchingDims)})`,
    fill_value: formatFill(params.mode === "FILL_OR_DROP" ? fillOf(operand.dtype, params.fillValue) : params.fillValue),
    indices_are_sorted: bool(params.indicesAreSorted),
    mode: `GatherScatterMode.${params.mode}`,
    slice_sizes: tuple(params.sliceSizes),
    unique_indices: bool(params.uniqueIndices),
  }),
});
