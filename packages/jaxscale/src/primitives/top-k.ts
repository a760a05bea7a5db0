/** top_k: the largest elements along an axis, and where they are. */

import { describe } from "../base/describe.ts";
import { ShapeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { forEachRow, takeAlong } from "./along-axis.ts";
import { deviceCount, deviceOffset, gatherAlong } from "./along-devices.ts";
import { checkAxis } from "./axes.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import type { OpBuilder } from "./op-builder.ts";
import {
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type ShardingRule,
} from "./primitive.ts";
import { compareTotally, elementOfKey, totalOrderKey } from "./sort-order.ts";

export type TopKParams = { readonly k: number; readonly axis: number };

const partOf = ({ shape }: Pick<ShapedArray, "shape">, { k, axis }: TopKParams): number[] => shape.with(axis, k);

function topKRule(
  { inputs: [x], params }: Pick<LoweringContext<TopKParams>, "inputs" | "params">,
  along: (f: FactorList, size: number) => Dimension,
): ShardingRule {
  const f = newFactors();
  const parallel = x.shape.map((size, axis) => (axis === params.axis ? [] : f.parallel(size)));
  const operand = parallel.with(params.axis, along(f, x.shape[params.axis]));
  const result = parallel.with(params.axis, f.replicated(params.k));
  return f.rule([operand], [result, result]);
}

/**
 * Along a split axis the k largest are among the k largest of each device: those move, k values and positions a device. They lie
 * in the order of their positions where they are equal, so that ties end as in the whole.
 */
function topKAcross(ops: OpBuilder, context: PartitionContext<TopKParams>): readonly Part[] | undefined {
  const { params, sizes } = context;
  const { k, axis } = params;
  const arranged = context.arranged(topKRule(context, (f, size) => f.reduction(size)));
  const axes = arranged.operands[0][axis];
  // Where each device would give all that it has, the operand itself is less than that and its positions.
  if (axes.length === 0 || k * deviceCount(axes, sizes) >= context.inputs[0].shape[axis]) return undefined;
  const [x] = arranged.parts();
  const [values, places] = ops.bind("top_k", [x], params);
  const positions = ops.add(places, deviceOffset(ops, axes, sizes, x.aval.shape[axis]));
  const [best, chosen] = ops.bind("top_k", [gatherAlong(ops, values, axis, axes, sizes)], params);
  const found = takeAlong(ops, gatherAlong(ops, positions, axis, axes, sizes), chosen, axis);
  return [best, found].map((value, i) => ({ value, layout: arranged.results[i] }));
}

/** In falling order; NaN counts as largest, −0 below 0, of equal ones the first comes first. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.top_k.html */
export const topK = definePrimitive<TopKParams>("top_k", {
  abstractEval: ([x], params) => {
    const { k, axis } = params;
    if (x.shape.length === 0) throw new ShapeError(`top_k: the operand must have an axis; got ${formatAval(x)}`);
    checkAxis("top_k", "axis", axis, x);
    if (!Number.isInteger(k) || k < 0 || k > x.shape[axis])
      throw new ShapeError(
        `top_k: k must be in [0, ${x.shape[axis]}], the size of the axis; got ${describe(k)} for ${formatAval(x)} axis ${axis}`,
      );
    return [shapedArray(partOf(x, params), x.dtype, x.weakType), shapedArray(partOf(x, params), "int32")];
  },
  reference: ([x], params) => {
    const { k, axis } = params;
    const values = hostTensor(partOf(x, params), x.dtype);
    const positions = hostTensor(partOf(x, params), "int32");
    const places: ((i: number) => number)[] = [];
    forEachRow(values.shape, axis, (placeOf) => places.push(placeOf));
    if (k === 0) return [values, positions];
    forEachRow(x.shape, axis, (placeOf, row) => {
      const at = (i: number): number => x.values[placeOf(i)];
      const order = Array.from({ length: x.shape[axis] }, (_, i) => i);
      order.sort((a, b) => compareTotally(at(b), at(a)) || a - b);
      for (let i = 0; i < k; i++) {
        values.values[places[row](i)] = at(order[i]);
        positions.values[places[row](i)] = order[i];
      }
    });
    return [values, positions];
  },
  lowering: {
    kind: "topK",
    axis: ({ params }) => params.axis,
    count: ({ params }) => params.k,
    key: (k, element, { inputs: [x] }) => totalOrderKey(k, element, x.dtype),
    element: (k, key, { inputs: [x] }) => elementOfKey(k, key, x.dtype),
  },
  sharding: (context) => topKRule(context, (f, size) => f.replicated(size)),
  partition: (ops, _, context) => topKAcross(ops, context),
  cost: ({ inputs: [x] }) => ({ flops: 2 * sizeOf(x.shape), transcendentals: 0 }),
  exact: true,
  jvp: (ops, _, [tangent], { params, results: [, positions] }) => [
    tangent && takeAlong(ops, tangent, positions, params.axis),
    null,
  ],
  batch: (ops, [x], [dim], { params }) => {
    const at = dim as number;
    const results = ops.bind("top_k", [x], { ...params, axis: params.axis + (at <= params.axis ? 1 : 0) });
    return { results, dims: [at, at] };
  },
  printParams: ({ k, axis }) => ({ axis: String(axis), k: String(k) }),
});
