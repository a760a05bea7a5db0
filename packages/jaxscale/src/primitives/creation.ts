/** Arrays out of nothing: iota. */

import { describe } from "../base/describe.ts";
import { computeType, type DType, isBool } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, formatShape, type Shape } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import { localShape, newFactors } from "./factors.ts";
import { definePrimitive, type LoweringContext, type ShardingRule } from "./primitive.ts";
import { tuple } from "./python-text.ts";

export type IotaParams = { readonly dtype: DType; readonly shape: Shape; readonly dimension: number };

function iotaRule({ params }: Pick<LoweringContext<IotaParams>, "params">): ShardingRule {
  const f = newFactors();
  return f.rule(
    [],
    [params.shape.map((size, axis) => (axis === params.dimension ? f.replicated(size) : f.parallel(size)))],
  );
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
  sharding: iotaRule,
  localParams: (context, sizes) => ({ ...context.params, shape: localShape(iotaRule(context).results[0], sizes) }),
  printParams: ({ dtype, shape, dimension }) => ({
    dimension: String(dimension),
    dtype,
    shape: tuple(shape),
    sharding: "None",
  }),
});
