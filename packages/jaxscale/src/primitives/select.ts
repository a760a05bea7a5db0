/** Choices between operands: `select_n`, `clamp`. */

import { isBool, type LatticeType } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { type Shape, sameShape } from "../base/shapes.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import { clampNan } from "../kernel/float.ts";
import { defineNary, formatAvals, uniformType } from "./define-elementwise.ts";
import { clampRules, selectRules } from "./select-rules.ts";

/**
 * `cases[which]`, element by element. Operands: which (bool for two cases, or int32), then the cases.
 * An index out of range takes the nearest case.
 * @throws DTypeError, ShapeError unless the cases agree and `which` is a scalar or has their shape
 */
export const selectN = defineNary("select_n", {
  ...selectRules,
  exact: true,
  resultType: selectType,
  resultShape: selectShape,
  reference: ([which, ...cases]) => cases[Math.min(Math.max(which, 0), cases.length - 1)],
  kernel: (k, [which, ...cases], { dtype }) =>
    isBool(dtype)
      ? cases.length === 1
        ? cases[0]
        : k.select(which, cases[1], cases[0])
      : cases.reduce((chosen, next, i) => k.select(k.ge(which, k.i32(i)), next, chosen)),
});

function selectType(inputs: readonly ShapedArray[]): LatticeType {
  const [which, ...cases] = inputs;
  if (which.dtype !== "bool" && which.dtype !== "int32")
    throw new DTypeError(`select_n: which must be bool or int32; got ${formatAvals([which])}`);
  if (cases.length === 0 || (which.dtype === "bool" && cases.length > 2))
    throw new ShapeError(
      `select_n: a bool chooses between at most two cases, an int32 between at least one; got ${cases.length} cases`,
    );
  if (cases.some((c) => c.dtype !== cases[0].dtype))
    throw new DTypeError(`select_n: cases must have equal dtypes; got ${formatAvals(cases)}`);
  return { dtype: cases[0].dtype, weakType: cases.every((c) => c.weakType) };
}

function selectShape([which, ...cases]: readonly ShapedArray[]): Shape {
  const { shape } = cases[0];
  if (cases.some((c) => !sameShape(c.shape, shape)))
    throw new ShapeError(`select_n: cases must have equal shapes; got ${formatAvals(cases)}`);
  if (which.shape.length > 0 && !sameShape(which.shape, shape))
    throw new ShapeError(
      `select_n: which must be a scalar or have the shape of the cases; got ${formatAvals([which, cases[0]])}`,
    );
  return shape;
}

/**
 * x within bounds. Operands: min, x, max, of one dtype; the bounds scalars or of x's shape.
 * NaN anywhere gives NaN; with min > max the result is max.
 * @throws DTypeError, ShapeError
 */
export const clamp = defineNary("clamp", {
  ...clampRules,
  exact: true,
  resultType: uniformType("clamp", { accepts: () => true }),
  resultShape: ([low, x, high]) => {
    for (const bound of [low, high])
      if (bound.shape.length > 0 && !sameShape(bound.shape, x.shape))
        throw new ShapeError(
          `clamp: bounds must be scalars or have the operand's shape; got ${formatAvals([low, x, high])}`,
        );
    return x.shape;
  },
  reference: ([low, x, high]) => Math.min(Math.max(x, low), high),
  kernel: (k, [low, x, high]) => (x.type === "bool" ? k.and(k.or(x, low), high) : clampNan(k, x, low, high)),
});
