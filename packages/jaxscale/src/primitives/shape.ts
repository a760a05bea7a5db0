/** Ops that rename or reorder axes: reshape, transpose, squeeze, rev. */

import { ShapeError } from "../base/errors.ts";
import { formatShape, type Shape, sizeOf } from "../base/shapes.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import { checkAxes } from "./axes.ts";
import { localShape, newFactors, reshapeFactors } from "./factors.ts";
import { batched, linearJvp, shifted, shiftedByOne } from "./linear-rules.ts";
import { along, axisMovement, moves, origin } from "./movement.ts";
import { type DerivedRules, definePrimitive, type LoweringContext, type ShardingRule } from "./primitive.ts";
import { tuple } from "./python-text.ts";

const isSize = (n: number): boolean => Number.isInteger(n) && n >= 0;

export type ReshapeParams = { readonly newSizes: Shape };

const reshapeRule = ({ inputs: [x], params }: LoweringContext<ReshapeParams>): ShardingRule =>
  reshapeFactors(x.shape, params.newSizes);

const reshapeRules: DerivedRules<ReshapeParams> = {
  jvp: linearJvp("reshape"),
  transpose: ({ reshape }, [ct], _, { inputs: [x] }) => [ct && reshape(ct, x.shape)],
  batch: ({ reshape, batchToFront }, [x], [dim], { params, axis }) =>
    batched(reshape(batchToFront(x, dim, axis.size), [axis.size, ...params.newSizes]), 0),
};

/** The same elements, in row-major order, under another shape. */
export const reshape = definePrimitive<ReshapeParams>("reshape", {
  ...reshapeRules,
  abstractEval: ([x], { newSizes }) => {
    if (!newSizes.every(isSize) || sizeOf(newSizes) !== sizeOf(x.shape))
      throw new ShapeError(
        `reshape: new sizes must multiply to ${sizeOf(x.shape)} elements; got ${formatShape(newSizes)} for ${formatAval(x)}`,
      );
    return [shapedArray(newSizes, x.dtype, x.weakType)];
  },
  reference: ([x], { newSizes }) => [{ ...x, shape: newSizes }],
  lowering: moves((_, index, { inputs: [x] }) => index.reshaped(x.shape)),
  sharding: reshapeRule,
  localParams: (context, sizes) => ({ newSizes: localShape(reshapeRule(context).results[0], sizes) }),
  exact: true,
  identity: () => true,
  printParams: ({ newSizes }) => ({ dimensions: "None", new_sizes: tuple(newSizes), sharding: "None" }),
});

export type TransposeParams = { readonly permutation: readonly number[] };

const transposeRules: DerivedRules<TransposeParams> = {
  jvp: linearJvp("transpose"),
  transpose: ({ transpose }, [ct], _, { params: { permutation } }) => [
    ct &&
      transpose(
        ct,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
  ],
  batch: ({ transpose }, [x], [dim], { params }) =>
    batched(transpose(x, [dim as number, ...shifted(params.permutation, dim as number)]), 0),
};

/** Axis `i` of the result is axis `permutation[i]` of the operand. */
export const transpose = definePrimitive<TransposeParams>("transpose", {
  ...transposeRules,
  permutation: ({ permutation }) => permutation,
  ...axisMovement<TransposeParams>({
    shapes: (x, { permutation }) => {
      if (permutation.length !== x.shape.length || !x.shape.every((_, axis) => permutation.includes(axis)))
        throw new ShapeError(
          `transpose: permutation must name each of the ${x.shape.length} axes once; got ${tuple(permutation)} for ${formatAval(x)}`,
        );
      return [permutation.map((axis) => x.shape[axis])];
    },
    sources: (shape, { permutation }) => shape.map((_, axis) => along(permutation.indexOf(axis))),
  }),
  sharding: ({ inputs: [x], params }) => {
    const f = newFactors();
    const dims = x.shape.map(f.parallel);
    return f.rule([dims], [params.permutation.map((axis) => dims[axis])]);
  },
  printParams: ({ permutation }) => ({ permutation: tuple(permutation) }),
});

export type DimensionsParams = { readonly dimensions: readonly number[] };

const keptAxes = (shape: Shape, dropped: readonly number[]): number[] =>
  shape.map((_, axis) => axis).filter((axis) => !dropped.includes(axis));

const squeezeRules: DerivedRules<DimensionsParams> = {
  jvp: linearJvp("squeeze"),
  transpose: ({ expandDims }, [ct], _, { params }) => [ct && expandDims(ct, params.dimensions)],
  batch: ({ squeeze, batchToFront }, [x], [dim], { params, axis }) =>
    batched(squeeze(batchToFront(x, dim, axis.size), shiftedByOne(params.dimensions)), 0),
};

/** Drops axes of size 1. */
export const squeeze = definePrimitive<DimensionsParams>("squeeze", {
  ...squeezeRules,
  ...axisMovement<DimensionsParams>({
    shapes: (x, { dimensions }) => {
      checkAxes("squeeze", "dimensions", dimensions, x);
      const wide = dimensions.find((axis) => x.shape[axis] !== 1);
      if (wide !== undefined)
        throw new ShapeError(
          `squeeze: dropped axes must have size 1; got ${formatAval(x)} axis ${wide} = ${x.shape[wide]}`,
        );
      return [keptAxes(x.shape, dimensions).map((axis) => x.shape[axis])];
    },
    sources: (shape, { dimensions }) => {
      const kept = keptAxes(shape, dimensions);
      return shape.map((_, axis) => (dimensions.includes(axis) ? origin : along(kept.indexOf(axis))));
    },
  }),
  sharding: ({ inputs: [x], params }) => {
    const f = newFactors();
    const dims = x.shape.map(f.parallel);
    return f.rule([dims], [keptAxes(x.shape, params.dimensions).map((axis) => dims[axis])]);
  },
  printParams: ({ dimensions }) => ({ dimensions: tuple(dimensions) }),
});

const revRules: DerivedRules<DimensionsParams> = {
  jvp: linearJvp("rev"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("rev", [ct], params)],
  batch: ({ bind1 }, [x], [dim], { params }) =>
    batched(bind1("rev", [x], { dimensions: shifted(params.dimensions, dim as number) }), dim),
};

/** Reverses the order along some axes. */
export const rev = definePrimitive<DimensionsParams>("rev", {
  ...revRules,
  ...axisMovement<DimensionsParams>({
    shapes: (x, { dimensions }) => {
      checkAxes("rev", "dimensions", dimensions, x);
      return [x.shape];
    },
    sources: (shape, { dimensions }) =>
      shape.map((size, axis) => (dimensions.includes(axis) ? along(axis, -1, size - 1) : along(axis))),
  }),
  sharding: ({ inputs: [x], params }) => {
    const f = newFactors();
    const dims = x.shape.map((size, axis) =>
      params.dimensions.includes(axis) ? f.replicated(size) : f.parallel(size),
    );
    return f.rule([dims], [dims]);
  },
  printParams: ({ dimensions }) => ({ dimensions: tuple(dimensions) }),
});
