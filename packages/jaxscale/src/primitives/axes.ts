/** Checks of axis parameters, which primitives get in canonical form. */

import { describe } from "../base/describe.ts";
import { ShapeError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { tuple } from "./python-text.ts";

const isAxis = (axis: number, x: ShapedArray): boolean => Number.isInteger(axis) && axis >= 0 && axis < x.shape.length;

/** @throws ShapeError unless every axis is in `[0, rank)` and none is named twice */
export function checkAxes(op: string, what: string, axes: readonly number[], x: ShapedArray): void {
  if (!axes.every((axis) => isAxis(axis, x)) || new Set(axes).size !== axes.length)
    throw new ShapeError(
      `${op}: ${what} must be distinct axes in [0, ${x.shape.length}); got ${tuple(axes)} for ${formatAval(x)}`,
    );
}

/** @throws ShapeError unless the axis is in `[0, rank)` */
export function checkAxis(op: string, what: string, axis: number, x: ShapedArray): void {
  if (!isAxis(axis, x))
    throw new ShapeError(
      `${op}: ${what} must be in [0, ${x.shape.length}); got ${describe(axis)} for ${formatAval(x)}`,
    );
}
