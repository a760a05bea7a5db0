/** pad: edges and gaps filled with a value; negative edges cut. */

import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, formatShape, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { newFactors } from "./factors.ts";
import { batched, linearJvp } from "./linear-rules.ts";
import { type DerivedRules, definePrimitive } from "./primitive.ts";
import { tuple } from "./python-text.ts";

/** Elements before (negative: cut), after (negative: cut), and between neighbours. */
export type Padding = readonly [low: number, high: number, interior: number];
export type PadParams = { readonly paddingConfig: readonly Padding[] };

function paddedShape(x: ShapedArray, config: readonly Padding[]): number[] {
  if (config.length !== x.shape.length)
    throw new ShapeError(`pad: padding_config must have one entry an axis; got ${tuple(config)} for ${formatAval(x)}`);
  const shape = x.shape.map((size, axis) => {
    const [low, high, interior] = config[axis];
    return low + high + size + Math.max(size - 1, 0) * interior;
  });
  if (!config.flat().every(Number.isInteger) || config.some(([, , interior]) => interior < 0))
    throw new ShapeError(`pad: padding must be integers, interior ones not negative; got ${tuple(config)}`);
  if (shape.some((n) => n < 0))
    throw new ShapeError(
      `pad: sizes after padding must not be negative; got ${formatShape(shape)} for ${formatAval(x)} and ${tuple(config)}`,
    );
  return shape;
}

const padRules: DerivedRules<PadParams> = {
  jvp: linearJvp("pad"),
  transpose: ({ pad, slice, reduceSum, sub, literal }, [ct], [x, value], { params: { paddingConfig } }) => {
    if (ct === null) return [null, null];
    const { shape, dtype } = ct.aval;
    const total = (y: typeof ct) =>
      reduceSum(
        y,
        y.aval.shape.map((_, axis) => axis),
      );
    const cut = pad(
      ct,
      literal(0, dtype),
      paddingConfig.map(([low, high]): Padding => [-low, -high, 0]),
    );
    const starts = shape.map(() => 0);
    const ofOperand = slice(
      cut,
      starts,
      cut.aval.shape,
      paddingConfig.map(([, , interior]) => interior + 1),
    );
    return [x === null ? ofOperand : null, value === null ? sub(total(ct), total(ofOperand)) : null];
  },
  batch: (ops, [x, value], [xDim, valueDim], { params, axis }) => {
    const dim = xDim ?? 0;
    const operand = xDim === null ? ops.broadcastAt(x, 0, axis.size) : x;
    const config = params.paddingConfig.toSpliced(dim, 0, [0, 0, 0]);
    if (valueDim === null) return batched(ops.pad(operand, value, config), dim);
    const { shape, dtype } = operand.aval;
    const padded = ops.pad(operand, ops.literal(0, dtype), config);
    const inside = ops.pad(ops.full(shape, 1, "bool"), ops.literal(0, "bool"), config);
    return batched(ops.select(inside, padded, ops.broadcastInDim(value, padded.aval.shape, [dim])), dim);
  },
};

/** Operands: x, and the padding value, a scalar of the same dtype. */
export const pad = definePrimitive<PadParams>("pad", {
  ...padRules,
  abstractEval: ([x, value], { paddingConfig }) => {
    if (value.shape.length > 0)
      throw new ShapeError(`pad: the padding value must be a scalar; got ${formatAval(value)}`);
    if (value.dtype !== x.dtype)
      throw new DTypeError(
        `pad: operand and padding value must have one dtype; got ${formatAval(x)} and ${formatAval(value)}`,
      );
    return [shapedArray(paddedShape(x, paddingConfig), x.dtype, x.weakType && value.weakType)];
  },
  reference: ([x, value], { paddingConfig }) => {
    const shape = paddedShape(shapedArray(x.shape, x.dtype), paddingConfig);
    const values = allocateValues(x.dtype, sizeOf(shape)).fill(value.values[0]);
    const strides = stridesOf(shape);
    forEachIndex(x.shape, (index, linear) => {
      const at = index.map((c, axis) => paddingConfig[axis][0] + c * (paddingConfig[axis][2] + 1));
      if (at.every((c, axis) => c >= 0 && c < shape[axis]))
        values[at.reduce((sum, c, axis) => sum + c * strides[axis], 0)] = x.values[linear];
    });
    return [hostTensor(shape, x.dtype, values)];
  },
  lowering: {
    kind: "map",
    movement: true,
    element: (k, index, read, { inputs: [x], params }) => {
      const filling = (): Value => read(1, Index.fromCoords(k, [], []));
      if (sizeOf(x.shape) === 0) return filling();
      let inside = k.bool(true);
      const coords = index.coords.map((c, axis) => {
        const [low, , interior] = params.paddingConfig[axis];
        const step = k.i32(interior + 1);
        const shifted = k.sub(c, k.i32(low));
        const at = k.div(shifted, step);
        inside = k.and(inside, k.and(k.ge(shifted, k.i32(0)), k.lt(at, k.i32(x.shape[axis]))));
        if (interior > 0) inside = k.and(inside, k.eq(k.rem(shifted, step), k.i32(0)));
        return k.clamp(at, k.i32(0), k.i32(x.shape[axis] - 1));
      });
      return k.branch(inside, () => read(0, Index.fromCoords(k, x.shape, coords)), filling);
    },
  },
  sharding: ({ inputs: [x], outputs: [out], params: { paddingConfig } }) => {
    const f = newFactors();
    const untouched = (axis: number): boolean => paddingConfig[axis].every((n) => n === 0);
    const operand = x.shape.map((size, axis) => (untouched(axis) ? f.parallel(size) : f.replicated(size)));
    const result = out.shape.map((size, axis) => (untouched(axis) ? operand[axis] : f.replicated(size)));
    return f.rule([operand, []], [result]);
  },
  exact: true,
  printParams: ({ paddingConfig }) => ({ padding_config: tuple(paddingConfig) }),
});
