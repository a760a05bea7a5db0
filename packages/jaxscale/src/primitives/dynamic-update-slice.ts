/** dynamic_update_slice: an operand with a box of it replaced, at a start that the device computes. */

import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, stridesOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import { boxDimensions, checkStarts, clampStarts, readStarts } from "./dynamic-slice.ts";
import { newFactors } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";
import { dynamicUpdateSliceRules } from "./window-rules.ts";

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
  exact: true,
});
