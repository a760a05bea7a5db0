/** broadcast_in_dim: an operand's axes placed among those of a larger shape. */

import { ShapeError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { localShape, newFactors } from "./factors.ts";
import { batched, linearJvp, shiftedByOne } from "./linear-rules.ts";
import { along, axisMovement, origin } from "./movement.ts";
import { type DerivedRules, definePrimitive, type LoweringContext, type ShardingRule } from "./primitive.ts";
import { tuple } from "./python-text.ts";

export type BroadcastInDimParams = {
  readonly shape: Shape;
  /** Axis `i` of the operand becomes axis `broadcastDimensions[i]` of the result; ascending. */
  readonly broadcastDimensions: readonly number[];
};

function broadcastRule({ inputs: [x], params }: LoweringContext<BroadcastInDimParams>): ShardingRule {
  const f = newFactors();
  const result = params.shape.map(f.parallel);
  const operand = x.shape.map((size, axis) => (size === 1 ? [] : result[params.broadcastDimensions[axis]]));
  return f.rule([operand], [result]);
}

const broadcastRules: DerivedRules<BroadcastInDimParams> = {
  jvp: linearJvp("broadcast_in_dim"),
  transpose: ({ reduceSum, expandDims }, [ct], _, { inputs: [x], params: { shape, broadcastDimensions } }) => {
    const unit = x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] === 1);
    const kept = broadcastDimensions.filter((_, axis) => !unit.includes(axis));
    const axes = shape.map((_, axis) => axis).filter((axis) => !kept.includes(axis));
    return [ct && expandDims(reduceSum(ct, axes), unit)];
  },
  batch: ({ broadcastInDim, batchToFront }, [x], [dim], { params, axis }) => {
    const dimensions = [0, ...shiftedByOne(params.broadcastDimensions)];
    return batched(broadcastInDim(batchToFront(x, dim, axis.size), [axis.size, ...params.shape], dimensions), 0);
  },
};

/** Repeats the operand along new axes and along its axes of size 1. */
export const broadcastInDim = definePrimitive<BroadcastInDimParams>("broadcast_in_dim", {
  ...broadcastRules,
  ...axisMovement<BroadcastInDimParams>({
    shapes: (x, { shape, broadcastDimensions: dims }) => {
      const ascends = dims.every((d, i) => Number.isInteger(d) && d > (dims[i - 1] ?? -1) && d < shape.length);
      if (dims.length !== x.shape.length || !ascends)
        throw new ShapeError(
          `broadcast_in_dim: broadcast_dimensions must name an axis of ${formatShape(shape)} for each of the operand's, ascending; got ${tuple(dims)} for ${formatAval(x)}`,
        );
      x.shape.forEach((size, axis) => {
        if (size !== 1 && size !== shape[dims[axis]])
          throw new ShapeError(
            `broadcast_in_dim: sizes must be 1 or agree; got ${formatAval(x)} axis ${axis} = ${size}, ${formatShape(shape)} axis ${dims[axis]} = ${shape[dims[axis]]}`,
          );
      });
      return [shape];
    },
    sources: (operand, { broadcastDimensions }) =>
      operand.map((size, axis) => (size === 1 ? origin : along(broadcastDimensions[axis]))),
  }),
  sharding: broadcastRule,
  localParams: (context, sizes) => ({
    ...context.params,
    shape: localShape(broadcastRule(context).results[0], sizes),
  }),
  // JAX leaves out the shape (it is the result's) and, for scalars, the empty tuple.
  printParams: ({ broadcastDimensions }): Record<string, string> =>
    broadcastDimensions.length > 0 ? { broadcast_dimensions: tuple(broadcastDimensions) } : {},
});
