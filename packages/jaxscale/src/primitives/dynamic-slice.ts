/** dynamic_slice: a box of static size, at a start that the device computes. */

import { ShapeError } from "../base/errors.ts";
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { checkIndexDType } from "./dimension-numbers.ts";
import { type Dimension, type FactorList, localShape, newFactors } from "./factors.ts";
import { batchGather, type GatherParams } from "./gather.ts";
import { batched } from "./linear-rules.ts";
import { gatherFromOwners, type LocalParts } from "./local-windows.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchAxis,
  type DerivedRules,
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type Read,
  type ShardingRule,
} from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { windowMap } from "./window-map.ts";
import { clampStart, toSigned } from "./window-start.ts";

export type DynamicSliceParams = { readonly sliceSizes: readonly number[] };

/** Checks the start operands of dynamic_slice and dynamic_update_slice: an integer scalar an axis. */
export function checkStarts(op: string, operand: ShapedArray, starts: readonly ShapedArray[]): void {
  if (starts.length !== operand.shape.length || starts.some((start) => start.shape.length > 0))
    throw new ShapeError(
      `${op}: starts must be one scalar for each axis of the operand; got ${formatAval(operand)} and (${starts.map(formatAval).join(", ")})`,
    );
  if (starts.length > 0) checkIndexDType(op, starts[0].dtype, ...starts.map((start) => start.dtype));
}

/** Start of the box along each axis, moved so that the box fits. @param first operand number of the first start */
export const readStarts = (k: KernelBuilder, read: Read, first: number, shape: Shape, sizes: Shape): Value[] =>
  shape.map((size, axis) =>
    size === sizes[axis]
      ? k.i32(0)
      : clampStart(k, toSigned(k, read(first + axis, Index.fromCoords(k, [], []))), size, sizes[axis]),
  );

/** The same on the host. */
export const clampStarts = (starts: readonly number[], shape: Shape, sizes: Shape): number[] =>
  shape.map((size, axis) => Math.min(Math.max(starts[axis], 0), size - sizes[axis]));

/**
 * Dimensions of an array and of a box of it. An axis that the box covers is parallel, any other replicated in the box.
 * @param placed what the others are in the array
 */
export function boxDimensions(
  f: FactorList,
  shape: Shape,
  sizes: Shape,
  placed: (size: number) => Dimension = f.replicated,
): { whole: Dimension[]; box: Dimension[] } {
  const covers = (axis: number) => shape[axis] === sizes[axis];
  const whole = shape.map((size, axis) => (covers(axis) ? f.parallel(size) : placed(size)));
  return { whole, box: sizes.map((size, axis) => (covers(axis) ? whole[axis] : f.replicated(size))) };
}

function sliceRule(
  { inputs: [operand, ...starts], params }: Pick<LoweringContext<DynamicSliceParams>, "inputs" | "params">,
  f: FactorList,
  placed?: (size: number) => Dimension,
): ShardingRule {
  const { whole, box } = boxDimensions(f, operand.shape, params.sliceSizes, placed);
  return f.rule([whole, ...starts.map(() => [])], [box]);
}

/** A box as the one window of a gather or scatter: its index vector has an entry for each axis that the box does not cover. */
export function boxAsWindow(ops: OpBuilder, shape: Shape, sizes: Shape, starts: readonly Operand[]) {
  const windowDims = [...shape.keys()];
  const startAxes = windowDims.filter((axis) => sizes[axis] < shape[axis]);
  const indices = ops.concatenate(
    startAxes.map((axis) => ops.broadcastInDim(starts[axis], [1], [])),
    0,
  );
  const map = windowMap(shape, indices.aval.shape, sizes, windowDims, sizes, {
    dropped: [],
    batching: [],
    indicesBatching: [],
    startAxes,
  });
  return { map, windowDims, startAxes, indices };
}

/** Along a split axis the slice is put together by a sum or cut out of the whole, whichever moves fewer bytes: an all-reduce moves twice what it reduces. */
function partitionSlice(ops: OpBuilder, context: PartitionContext<DynamicSliceParams>): readonly Part[] | undefined {
  const { inputs, outputs, params, sizes } = context;
  const f = newFactors();
  const arranged = context.arranged(sliceRule(context, f, (size) => f.reduction(size)));
  const [layout] = arranged.operands;
  const isSplit = layout.some((axes, d) => axes.length > 0 && params.sliceSizes[d] < inputs[0].shape[d]);
  if (!isSplit || 2 * sizeOf(outputs[0].shape) > sizeOf(inputs[0].shape)) return undefined;
  const [x, ...starts] = arranged.parts();
  const value = boxFromOwners(ops, inputs[0].shape, params.sliceSizes, starts, { x, layout, sizes });
  return [{ value, layout: arranged.results[0] }];
}

/** A gather of one box, which keeps all its axes. */
const gatherOfBox = (
  sliceSizes: Shape,
  offsetDims: readonly number[],
  startIndexMap: readonly number[],
): GatherParams => ({
  dimensionNumbers: {
    offsetDims,
    collapsedSliceDims: [],
    startIndexMap,
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
  },
  sliceSizes,
  mode: "CLIP",
  fillValue: null,
  indicesAreSorted: true,
  uniqueIndices: true,
});

/** A box of an array that devices split, by one all-reduce of it. @param shape of the whole array @param sliceSizes of the box */
export function boxFromOwners(
  ops: OpBuilder,
  shape: Shape,
  sliceSizes: Shape,
  starts: readonly Operand[],
  parts: Omit<LocalParts, "indices">,
): Operand {
  const { map, windowDims, startAxes, indices } = boxAsWindow(ops, shape, sliceSizes, starts);
  const gather = gatherOfBox(sliceSizes, windowDims, startAxes);
  return gatherFromOwners(ops, map, gather, { ...parts, indices });
}

/** No cotangents for starts. */
export const none = (xs: readonly unknown[]): null[] => xs.map(() => null);

/** Scalars as one index vector, or one for each index along the mapped axis. */
export function indexVectors(
  ops: OpBuilder,
  starts: readonly Operand[],
  dims: readonly (number | null)[],
  { size }: BatchAxis,
): { readonly vectors: Operand; readonly dim: number | null } {
  if (dims.every((dim) => dim === null)) {
    const parts = starts.map((x) => ops.broadcastInDim(x, [1], []));
    return { vectors: ops.concatenate(parts, 0), dim: null };
  }
  const columns = starts.map((x, i) => ops.broadcastInDim(x, [size, 1], dims[i] === null ? [] : [0]));
  return { vectors: ops.concatenate(columns, 1), dim: 0 };
}

const dynamicSliceRules: DerivedRules<DynamicSliceParams> = {
  jvp: ({ bind1 }, [, ...starts], [dx], { params }) => [dx && bind1("dynamic_slice", [dx, ...starts], params)],
  transpose: ({ bind1, zeros }, [ct], [, ...starts], { inputs: [x] }) => [
    ct && bind1("dynamic_update_slice", [zeros(x), ct, ...(starts as Operand[])]),
    ...none(starts),
  ],
  batch: (ops, [x, ...starts], [dim, ...startDims], { params: { sliceSizes }, inputs, axis }) => {
    const axes = [...inputs[0].shape.keys()];
    if (axes.length === 0) return batched(x, dim);
    const indices = indexVectors(ops, starts, startDims, axis);
    return batchGather(ops, [x, indices.vectors], [dim, indices.dim], axis, gatherOfBox(sliceSizes, axes, axes));
  },
};

/** Operands: x, then an integer scalar for each axis, clamped so that the slice keeps its size (negative starts are wrapped by the caller). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_slice.html */
export const dynamicSlice = definePrimitive<DynamicSliceParams>("dynamic_slice", {
  ...dynamicSliceRules,
  abstractEval([operand, ...starts], { sliceSizes }) {
    const fits = (size: number, axis: number) => Number.isInteger(size) && size >= 0 && size <= operand.shape[axis];
    if (sliceSizes.length !== operand.shape.length || !sliceSizes.every(fits))
      throw new ShapeError(
        `dynamic_slice: slice sizes must be one for each axis, none larger than the operand's; got ${formatAval(operand)} and slice sizes ${tuple(sliceSizes)}`,
      );
    checkStarts("dynamic_slice", operand, starts);
    return [shapedArray(sliceSizes, operand.dtype, operand.weakType)];
  },
  reference([operand, ...starts], { sliceSizes }) {
    const start = clampStarts(
      starts.map((s) => s.values[0]),
      operand.shape,
      sliceSizes,
    );
    const strides = stridesOf(operand.shape);
    const values = allocateValues(operand.dtype, sizeOf(sliceSizes));
    forEachIndex(sliceSizes, (index, linear) => {
      values[linear] = operand.values[index.reduce((sum, c, axis) => sum + (c + start[axis]) * strides[axis], 0)];
    });
    return [hostTensor(sliceSizes, operand.dtype, values)];
  },
  lowering: {
    kind: "map",
    movement: true,
    element(k, index, read, { params, inputs: [operand] }) {
      const start = readStarts(k, read, 1, operand.shape, params.sliceSizes);
      const coords = index.coords.map((c, axis) => k.add(c, start[axis]));
      return read(0, Index.fromCoords(k, operand.shape, coords));
    },
  },
  sharding: (context) => sliceRule(context, newFactors()),
  partition: (ops, _, context) => partitionSlice(ops, context),
  localParams: (context, sizes) => ({ sliceSizes: localShape(sliceRule(context, newFactors()).results[0], sizes) }),
  exact: true,
  printParams: ({ sliceSizes }) => ({ slice_sizes: tuple(sliceSizes) }),
});
