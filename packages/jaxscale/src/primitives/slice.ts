/** Cutting arrays at static places: slice, split. */

import { ShapeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { deviceCount } from "./along-devices.ts";
import { checkAxis } from "./axes.ts";
import { boxFromOwners } from "./dynamic-slice.ts";
import { type Dimension, type FactorList, localShape, newFactors } from "./factors.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import { along, axisMovement } from "./movement.ts";
import type { OpBuilder } from "./op-builder.ts";
import type { Padding } from "./pad.ts";
import {
  type DerivedRules,
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type ShardingRule,
} from "./primitive.ts";
import { tuple } from "./python-text.ts";

export type SliceParams = {
  readonly startIndices: readonly number[];
  readonly limitIndices: readonly number[];
  /** null: 1 along every axis. */
  readonly strides: readonly number[] | null;
};

const isWhole = ({ inputs: [x], params }: LoweringContext<SliceParams>, axis: number): boolean =>
  params.startIndices[axis] === 0 && params.limitIndices[axis] === x.shape[axis] && (params.strides?.[axis] ?? 1) === 1;

/** @param cut what an axis of the operand is that the slice has a part of */
function sliceRule(
  context: LoweringContext<SliceParams>,
  cut: (f: FactorList, size: number) => Dimension = (f, size) => f.replicated(size),
): ShardingRule {
  const f = newFactors();
  const [{ shape }] = context.inputs;
  const operand = shape.map((size, axis) => (isWhole(context, axis) ? f.parallel(size) : cut(f, size)));
  const result = context.outputs[0].shape.map((size, axis) =>
    isWhole(context, axis) ? operand[axis] : f.replicated(size),
  );
  return f.rule([operand], [result]);
}

/**
 * A small slice of a split axis, as of the last place of a sequence, is put together by an all-reduce, which moves twice what it
 * reduces. One that can lie in parts again is cut out of the whole.
 */
function partitionSlice(ops: OpBuilder, context: PartitionContext<SliceParams>): readonly Part[] | undefined {
  const {
    inputs: [{ shape }],
    outputs: [out],
    params: { startIndices, strides },
    sizes,
  } = context;
  const arranged = context.arranged(sliceRule(context, (f, size) => f.reduction(size)));
  const [layout] = arranged.operands;
  const isCut = (axis: number): boolean => layout[axis].length > 0 && !isWhole(context, axis);
  const cut = shape.map((_, axis) => axis).filter(isCut);
  const divides = cut.some((axis) => out.shape[axis] % deviceCount(layout[axis], sizes) === 0);
  const steps = strides?.some((stride) => stride > 1) ?? false;
  if (cut.length === 0 || divides || steps || 2 * sizeOf(out.shape) > sizeOf(shape)) return undefined;
  const [x] = arranged.parts();
  const starts = startIndices.map((start) => ops.literal(start, "int32"));
  return [{ value: boxFromOwners(ops, shape, out.shape, starts, { x, layout, sizes }), layout: arranged.results[0] }];
}

const sliceRules: DerivedRules<SliceParams> = {
  jvp: linearJvp("slice"),
  transpose: ({ pad, literal }, [ct], _, { inputs: [x], params: { startIndices, strides } }) => {
    if (ct === null) return [null];
    const config = ct.aval.shape.map((size, axis): Padding => {
      const [start, stride] = [startIndices[axis], strides?.[axis] ?? 1];
      const end = start + (size === 0 ? 0 : 1 + (size - 1) * stride);
      return [start, x.shape[axis] - end, stride - 1];
    });
    return [pad(ct, literal(0, ct.aval.dtype), config)];
  },
  batch: ({ slice }, [x], [at], { params: { startIndices, limitIndices, strides } }) => {
    const dim = at as number;
    const limits = limitIndices.toSpliced(dim, 0, x.aval.shape[dim]);
    return batched(slice(x, startIndices.toSpliced(dim, 0, 0), limits, strides?.toSpliced(dim, 0, 1)), dim);
  },
};

/** Elements `start, start + stride, … < limit` along every axis. */
export const slice = definePrimitive<SliceParams>("slice", {
  ...sliceRules,
  ...axisMovement<SliceParams>({
    shapes: (x, { startIndices, limitIndices, strides }) => {
      const rank = x.shape.length;
      if (startIndices.length !== rank || limitIndices.length !== rank || (strides && strides.length !== rank))
        throw new ShapeError(
          `slice: starts, limits and strides must have one entry an axis; got ${tuple(startIndices)}, ${tuple(limitIndices)}, ${strides ? tuple(strides) : "None"} for ${formatAval(x)}`,
        );
      return [
        x.shape.map((size, axis) => {
          const [start, limit, stride] = [startIndices[axis], limitIndices[axis], strides?.[axis] ?? 1];
          if (
            ![start, limit, stride].every(Number.isInteger) ||
            start < 0 ||
            limit < start ||
            limit > size ||
            stride < 1
          )
            throw new ShapeError(
              `slice: 0 <= start <= limit <= size and stride >= 1; got ${start}:${limit}:${stride} for ${formatAval(x)} axis ${axis} = ${size}`,
            );
          return Math.ceil((limit - start) / stride);
        }),
      ];
    },
    sources: (shape, { startIndices, strides }) =>
      shape.map((_, axis) => along(axis, strides?.[axis] ?? 1, startIndices[axis])),
  }),
  sharding: (context) => sliceRule(context),
  partition: (ops, _, context) => partitionSlice(ops, context),
  localParams: (context, sizes) => {
    const local = localShape(sliceRule(context).results[0], sizes);
    const { limitIndices } = context.params;
    return {
      ...context.params,
      limitIndices: limitIndices.map((limit, axis) => (isWhole(context, axis) ? local[axis] : limit)),
    };
  },
  printParams: ({ startIndices, limitIndices, strides }) => ({
    limit_indices: tuple(limitIndices),
    start_indices: tuple(startIndices),
    strides: strides ? tuple(strides) : "None",
  }),
});

export type SplitParams = { readonly axis: number; readonly sizes: readonly number[] };

const splitRules: DerivedRules<SplitParams> = {
  jvp: linearJvp("split"),
  transpose: ({ concatenate, zeros }, cotangents, _, { outputs, params }) => [
    concatenate(
      cotangents.map((ct, i) => ct ?? zeros(outputs[i])),
      params.axis,
    ),
  ],
  batch: ({ bind }, [x], [dim], { params: { axis, sizes } }) => ({
    results: bind("split", [x], { axis: shifted([axis], dim as number)[0], sizes }),
    dims: sizes.map(() => dim),
  }),
};

/** Consecutive pieces along an axis, one result each. */
export const split = definePrimitive<SplitParams>("split", {
  ...splitRules,
  ...axisMovement<SplitParams>({
    shapes: (x, { axis, sizes }) => {
      checkAxis("split", "axis", axis, x);
      const total = sizes.reduce((a, b) => a + b, 0);
      if (sizes.some((n) => !Number.isInteger(n) || n < 0) || total !== x.shape[axis])
        throw new ShapeError(
          `split: sizes must add up to the axis; got ${tuple(sizes)} for ${formatAval(x)} axis ${axis} = ${x.shape[axis]}`,
        );
      return sizes.map((size) => x.shape.with(axis, size));
    },
    sources: (shape, { axis: at, sizes }, output) => {
      const start = sizes.slice(0, output).reduce((a, b) => a + b, 0);
      return shape.map((_, axis) => along(axis, 1, axis === at ? start : 0));
    },
  }),
  sharding: ({ inputs: [x], params: { axis: at, sizes } }) => {
    const f = newFactors();
    const dims = x.shape.map((size, axis) => (axis === at ? f.replicated(size) : f.parallel(size)));
    return f.rule(
      [dims],
      sizes.map((size) => dims.with(at, f.replicated(size))),
    );
  },
  printParams: ({ axis, sizes }) => ({ axis: String(axis), sizes: tuple(sizes) }),
});
