/** dynamic_update_slice: an operand with a box of it replaced, at a start that the device computes. */

import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, stridesOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import type { Params } from "../jaxpr/ir.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import {
  boxAsWindow,
  boxDimensions,
  checkStarts,
  clampStarts,
  indexVectors,
  none,
  readStarts,
} from "./dynamic-slice.ts";
import { newFactors } from "./factors.ts";
import { batched } from "./linear-rules.ts";
import { scatterToOwners } from "./local-windows.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchAxis,
  type Batched,
  type DerivedRules,
  definePrimitive,
  type Part,
  type PartitionContext,
} from "./primitive.ts";
import { batchScatter } from "./scatter.ts";
import type { ScatterParams } from "./scatter-dimensions.ts";

const dynamicUpdateSliceRules: DerivedRules<Params> = {
  jvp: ({ bind1, zeros }, [x, update, ...starts], [dx, dUpdate]) =>
    dx || dUpdate
      ? [bind1("dynamic_update_slice", [dx ?? zeros(x.aval), dUpdate ?? zeros(update.aval), ...starts])]
      : [null],
  transpose: ({ bind1, zeros }, [ct], [x, update, ...starts], { inputs }) => {
    if (ct === null) return [null, null, ...none(starts)];
    const at = starts as Operand[];
    return [
      x === null ? bind1("dynamic_update_slice", [ct, zeros(inputs[1]), ...at]) : null,
      update === null ? bind1("dynamic_slice", [ct, ...at], { sliceSizes: inputs[1].shape }) : null,
      ...none(starts),
    ];
  },
  batch: (ops, [x, update, ...starts], [dim, updateDim, ...startDims], { inputs, axis }) => {
    const axes = [...inputs[0].shape.keys()];
    if (axes.length === 0) return batched(update, updateDim);
    if (startDims.every((start) => start === null)) return batchBox(ops, x, update, starts, dim, updateDim, axis);
    const indices = indexVectors(ops, starts, startDims, axis);
    return batchScatter(ops, "scatter", [x, indices.vectors, update], [dim, indices.dim, updateDim], axis, {
      dimensionNumbers: {
        updateWindowDims: axes,
        insertedWindowDims: [],
        scatterDimsToOperandDims: axes,
        operandBatchingDims: [],
        scatterIndicesBatchingDims: [],
      },
      mode: "CLIP",
      indicesAreSorted: true,
      uniqueIndices: true,
    });
  },
};

/** The box is wider by the mapped axis, which stays where the operand has it: the operand is not moved, and so may be updated in place. */
function batchBox(
  ops: OpBuilder,
  x: Operand,
  update: Operand,
  starts: readonly Operand[],
  dim: number | null,
  updateDim: number | null,
  { size }: BatchAxis,
): Batched {
  const at = dim ?? 0;
  const whole = dim === null ? ops.broadcastAt(x, at, size) : x;
  const box = updateDim === null ? ops.broadcastAt(update, at, size) : ops.moveAxis(update, updateDim, at);
  const first = ops.literal(0, starts[0].aval.dtype);
  return batched(ops.bind1("dynamic_update_slice", [whole, box, ...starts.toSpliced(at, 0, first)]), at);
}

/** Along a split axis each device writes what falls into its own part: the update is needed whole, x and the result stay. */
function partitionUpdate(ops: OpBuilder, context: PartitionContext): readonly Part[] | undefined {
  const {
    inputs: [operand, box, ...scalars],
    sizes,
  } = context;
  const f = newFactors();
  const dimensions = boxDimensions(f, operand.shape, box.shape, f.parallel);
  const rule = f.rule([dimensions.whole, dimensions.box, ...scalars.map(() => [])], [dimensions.whole]);
  const arranged = context.arranged(rule);
  const [layout] = arranged.operands;
  if (!layout.some((axes, d) => axes.length > 0 && box.shape[d] < operand.shape[d])) return undefined;
  const [x, update, ...starts] = arranged.parts();
  const { map, windowDims, startAxes, indices } = boxAsWindow(ops, operand.shape, box.shape, starts);
  const scatter: ScatterParams = {
    dimensionNumbers: {
      updateWindowDims: windowDims,
      insertedWindowDims: [],
      scatterDimsToOperandDims: startAxes,
      operandBatchingDims: [],
      scatterIndicesBatchingDims: [],
    },
    mode: "CLIP",
    indicesAreSorted: true,
    uniqueIndices: true,
  };
  const value = scatterToOwners(ops, "scatter", map, scatter, update, { x, indices, layout, sizes });
  return [{ value, layout }];
}

/** Operands: x, update, then an integer scalar for each axis, clamped so that the update fits (negative starts are wrapped by the caller). @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dynamic_update_slice.html */
export const dynamicUpdateSlice = definePrimitive("dynamic_update_slice", {
  ...dynamicUpdateSliceRules,
  abstractEval(inputs) {
    const [operand, update, ...starts] = inputs;
    if (operand.dtype !== update.dtype)
      throw new DTypeError(
        `dynamic_update_slice: operand and update must have one dtype; got ${formatAval(operand)} and ${formatAval(update)}`,
      );
    const fits = (size: number, axis: number) => size <= operand.shape[axis];
    if (update.shape.length !== operand.shape.length || !update.shape.every(fits))
      throw new ShapeError(
        `dynamic_update_slice: the update must have the operand's rank and no larger axis; got ${formatAval(operand)} and ${formatAval(update)}`,
      );
    checkStarts("dynamic_update_slice", operand, starts);
    const weakType = inputs.every((input) => input.weakType);
    return [shapedArray(operand.shape, operand.dtype, weakType)];
  },
  reference([operand, update, ...starts]) {
    const start = clampStarts(
      starts.map((s) => s.values[0]),
      operand.shape,
      update.shape,
    );
    const strides = stridesOf(operand.shape);
    const values = operand.values.slice();
    forEachIndex(update.shape, (index, linear) => {
      values[index.reduce((sum, c, axis) => sum + (c + start[axis]) * strides[axis], 0)] = update.values[linear];
    });
    return [hostTensor(operand.shape, operand.dtype, values)];
  },
  lowering: {
    kind: "update",
    element(k, index, read, { inputs: [operand, update] }) {
      const start = readStarts(k, read, 2, operand.shape, update.shape);
      let inside = k.bool(update.shape.every((size) => size > 0));
      const local = index.coords.map((c, axis) => {
        const size = update.shape[axis];
        if (size === operand.shape[axis] || size === 0) return c;
        const offset = k.sub(c, start[axis]);
        inside = k.and(inside, k.and(k.ge(offset, k.i32(0)), k.lt(offset, k.i32(size))));
        return k.assume(offset, { min: 0, max: size - 1 });
      });
      return k.branch(
        inside,
        () => read(1, Index.fromCoords(k, update.shape, local)),
        () => read(0, index),
      );
    },
    window: (k, read, { inputs: [operand, update] }) => ({
      start: readStarts(k, read, 2, operand.shape, update.shape),
      sizes: update.shape,
      element: (local) => read(1, local),
    }),
  },
  sharding({ inputs: [operand, update, ...starts] }) {
    const f = newFactors();
    const { whole, box } = boxDimensions(f, operand.shape, update.shape);
    return f.rule([whole, box, ...starts.map(() => [])], [whole]);
  },
  partition: (ops, _, context) => partitionUpdate(ops, context),
  exact: true,
});
