/** Arrays out of nothing: iota. */

import { describe } from "../base/describe.ts";
import { computeType, type DType, isBool } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, formatShape, type Shape } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import { deviceCount, deviceOffset } from "./along-devices.ts";
import { type Dimension, type FactorList, localShape, newFactors } from "./factors.ts";
import type { OpBuilder } from "./op-builder.ts";
import {
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type ShardingRule,
} from "./primitive.ts";
import { tuple } from "./python-text.ts";

export type IotaParams = { readonly dtype: DType; readonly shape: Shape; readonly dimension: number };

function iotaRule(
  { params }: Pick<LoweringContext<IotaParams>, "params">,
  along: (f: FactorList, size: number) => Dimension = (f, size) => f.replicated(size),
): ShardingRule {
  const f = newFactors();
  return f.rule(
    [],
    [params.shape.map((size, axis) => (axis === params.dimension ? along(f, size) : f.parallel(size)))],
  );
}

/** Each device counts from where its part begins. */
function partitionIota(ops: OpBuilder, context: PartitionContext<IotaParams>): readonly Part[] | undefined {
  const { params, sizes } = context;
  const { dtype, dimension } = params;
  const [layout] = context.arranged(iotaRule(context, (f, size) => f.parallel(size))).results;
  if (layout[dimension].length === 0) return undefined;
  const shape = params.shape.map((size, axis) => size / deviceCount(layout[axis], sizes));
  const own = ops.iota("int32", shape, dimension);
  const value = ops.add(own, deviceOffset(ops, layout[dimension], sizes, shape[dimension]));
  return [{ value: ops.convert(value, dtype), layout }];
}

/** 0, 1, 2, … along one axis, equal along the others. */
export const iota = definePrimitive<IotaParams>("iota", {
  abstractEval: (_, { dtype, shape, dimension }) => {
    if (isBool(dtype)) throw new DTypeError(`iota: dtype must be a number; got ${dtype}`);
    if (!shape.every((n) => Number.isInteger(n) && n >= 0))
      throw new ShapeError(`iota: sizes must be integers of at least 0; got ${formatShape(shape)}`);
    if (!Number.isInteger(dimension) || dimension < 0 || dimension >= shape.length)
      throw new ShapeError(
        `iota: dimension must be in [0, ${shape.length}); got ${describe(dimension)} for ${formatShape(shape)}`,
      );
    return [shapedArray(shape, dtype)];
  },
  reference: (_, { dtype, shape, dimension }) => {
    const out = hostTensor(shape, dtype);
    forEachIndex(shape, (index, linear) => {
      out.values[linear] = index[dimension];
    });
    return [out];
  },
  lowering: {
    kind: "map",
    movement: true,
    element: (k, index, _, { params }) => k.cast(computeType(params.dtype), index.coords[params.dimension]),
  },
  sharding: (context) => iotaRule(context),
  partition: (ops, _, context) => partitionIota(ops, context),
  localParams: (context, sizes) => ({ ...context.params, shape: localShape(iotaRule(context).results[0], sizes) }),
  printParams: ({ dtype, shape, dimension }) => ({
    dimension: String(dimension),
    dtype,
    shape: tuple(shape),
    sharding: "None",
  }),
});
