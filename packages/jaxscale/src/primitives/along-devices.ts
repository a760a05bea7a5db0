/** What rules of partitioning need of the devices that split a dimension: a device's own place, values that one of them has. */
import { type DType, integerLike, isBool, isFloat } from "../base/dtypes.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PartitionContext } from "./primitive.ts";

type Sizes = PartitionContext["sizes"];

/** Devices along several axes. */
export const deviceCount = (axes: readonly string[], sizes: Sizes): number =>
  axes.reduce((product, axis) => product * (sizes.get(axis) as number), 1);

/** The device's place among those along several axes, the first of which is the major one: an int32. */
export const deviceIndex = (ops: OpBuilder, axes: readonly string[], sizes: Sizes): Operand =>
  axes
    .map((axis) => ops.bind1("axis_index", [], { axes: [axis] }))
    .reduce((major, minor, i) => ops.add(ops.mul(major, sizes.get(axes[i]) as number), minor));

/** Where the device's part of a dimension starts, an int32. @param localSize elements that each device has */
export const deviceOffset = (ops: OpBuilder, axes: readonly string[], sizes: Sizes, localSize: number): Operand =>
  axes.length === 0 ? ops.literal(0, "int32") : ops.mul(deviceIndex(ops, axes, sizes), localSize);

/**
 * What one device along the axes has, on all of them; the others have zeros (false). Its bits are summed, as integers of the
 * dtype's width: exact for every dtype, and −0 and NaN stay what they are. Bools are joined by `or`.
 */
export function fromOwner(ops: OpBuilder, x: Operand, axes: readonly string[]): Operand {
  const { dtype, weakType } = x.aval;
  if (isBool(dtype)) return ops.bind1("pmax", [x], { axes });
  if (!isFloat(dtype)) return ops.bind1("psum", [x], { axes });
  const reread = (y: Operand, newDtype: DType): Operand => ops.bind1("bitcast_convert_type", [y], { newDtype });
  const summed = ops.bind1("psum", [reread(x, integerLike(dtype, "unsigned"))], { axes });
  return ops.convert(reread(summed, dtype), dtype, weakType);
}

/** The parts of all devices end to end along a dimension, on every device. @param axes that split it, the major one first */
export const gatherAlong = (
  ops: OpBuilder,
  x: Operand,
  dimension: number,
  axes: readonly string[],
  sizes: Sizes,
): Operand =>
  axes.reduceRight(
    (part, axis) =>
      ops.bind1("all_gather", [part], { axes: [axis], axisSize: sizes.get(axis) as number, dimension, tiled: true }),
    x,
  );

/** The device's own element of a dimension that has one for each device along the axes, and is equal on all of them. */
export const ownElement = (
  ops: OpBuilder,
  x: Operand,
  dimension: number,
  axes: readonly string[],
  sizes: Sizes,
): Operand =>
  axes.reduce(
    (rest, axis) => ops.bind1("own_part", [rest], { axes: [axis], axisSize: sizes.get(axis) as number, dimension }),
    x,
  );
