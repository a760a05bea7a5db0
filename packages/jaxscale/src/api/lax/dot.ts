/** Contractions. */

import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { type DotDimensionNumbers, dotGeneral as dotPrimitive } from "../../primitives/dot-general.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { dotNumbers, optionsOf } from "../arguments.ts";

/** Options of `lax.dot` and `lax.dotGeneral`. */
export interface DotOptions {
  /** Type of the result; that of the operands if absent. Floats accumulate in float32 whatever it is. */
  readonly preferredElementType?: DType | null;
}

/**
 * Sums of products over contracted axes; the result's axes are batch, free of lhs, free of rhs.
 * @param dimensionNumbers `[[lhs contracting, rhs contracting], [lhs batch, rhs batch]]`
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dot_general.html
 */
export const dotGeneral = (
  lhs: ArrayLike,
  rhs: ArrayLike,
  dimensionNumbers: DotDimensionNumbers,
  options?: DotOptions,
): Array => {
  const { preferredElementType } = optionsOf("dot_general", options, { preferredElementType: null });
  return bind1(dotPrimitive, [asArray("dot_general", lhs), asArray("dot_general", rhs)], {
    dimensionNumbers: dotNumbers("dot_general", dimensionNumbers),
    preferredElementType,
  });
};

/** Vector or matrix times vector or matrix. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.dot.html */
export function dot(lhs: ArrayLike, rhs: ArrayLike, options?: DotOptions): Array {
  const preferred = optionsOf("dot", options, { preferredElementType: null });
  const [x, y] = [asArray("dot", lhs), asArray("dot", rhs)];
  if ([x, y].some(({ ndim }) => ndim < 1 || ndim > 2))
    throw new ShapeError(`dot: operands must be vectors or matrices; got ${formatAval(x.aval)}, ${formatAval(y.aval)}`);
  const numbers: DotDimensionNumbers = [
    [[x.ndim - 1], [0]],
    [[], []],
  ];
  return dotGeneral(x, y, numbers, preferred);
}

/** Matrix products over equal leading axes. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.batch_matmul.html */
export function batchMatmul(lhs: ArrayLike, rhs: ArrayLike, options?: DotOptions): Array {
  const preferred = optionsOf("batch_matmul", options, { preferredElementType: null });
  const [x, y] = [asArray("batch_matmul", lhs), asArray("batch_matmul", rhs)];
  if (x.ndim < 2 || x.ndim !== y.ndim)
    throw new ShapeError(
      `batch_matmul: operands must have one rank of at least 2; got ${formatAval(x.aval)}, ${formatAval(y.aval)}`,
    );
  const batch = x.shape.map((_, axis) => axis).slice(0, -2);
  const numbers: DotDimensionNumbers = [
    [[x.ndim - 1], [x.ndim - 2]],
    [batch, batch],
  ];
  return dotGeneral(x, y, numbers, preferred);
}
