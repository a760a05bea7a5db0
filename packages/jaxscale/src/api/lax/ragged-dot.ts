/** Grouped products. */
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { raggedDotGeneral as raggedPrimitive } from "../../primitives/ragged-dot.ts";
import type { RaggedDimensionNumbers } from "../../primitives/ragged-shape.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { dotNumbers, listOf, optionsOf, required } from "../arguments.ts";
import type { DotOptions } from "./dot.ts";

/**
 * Products of consecutive runs of rows with a matrix each: the first `groupSizes[0]` rows of lhs with `rhs[0]`, and so on. Sizes may be 0;
 * rows beyond their sum give 0.
 * @param lhs `[m,k]` @param rhs `[groups,k,n]` @param groupSizes int32 `[groups]`, on the device
 * @returns `[m,n]`
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ragged_dot.html
 */
export function raggedDot(lhs: ArrayLike, rhs: ArrayLike, groupSizes: ArrayLike, options?: DotOptions): Array {
  const preferred = optionsOf("ragged_dot", options, { preferredElementType: null });
  const operands = [lhs, rhs, groupSizes].map((x) => asArray("ragged_dot", x));
  const ranks = [2, 3, 1];
  if (operands.some((x, i) => x.ndim !== ranks[i]))
    throw new ShapeError(
      `ragged_dot: operands must be [m,k], [groups,k,n] and [groups]; got ${operands.map((x) => formatAval(x.aval)).join(", ")}`,
    );
  const dimensionNumbers: RaggedDimensionNumbers = {
    dotDimensionNumbers: [
      [[1], [1]],
      [[], []],
    ],
    lhsRaggedDimensions: [0],
    rhsGroupDimensions: [0],
  };
  return raggedDotGeneral(operands[0], operands[1], operands[2], dimensionNumbers, preferred);
}

/**
 * Grouped products over any axes: lhs's ragged axis is free (each group times its own part of rhs) or contracted (each group's sum on its own).
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ragged_dot_general.html
 */
export function raggedDotGeneral(
  lhs: ArrayLike,
  rhs: ArrayLike,
  groupSizes: ArrayLike,
  dimensionNumbers: RaggedDimensionNumbers,
  options?: DotOptions,
): Array {
  const { preferredElementType } = optionsOf("ragged_dot_general", options, { preferredElementType: null });
  const operands = [lhs, rhs, groupSizes].map((x) => asArray("ragged_dot_general", x));
  const given = optionsOf("ragged_dot_general", dimensionNumbers, {
    dotDimensionNumbers: required,
    lhsRaggedDimensions: required,
    rhsGroupDimensions: required,
  });
  return bind1(raggedPrimitive, operands, {
    dotDimensionNumbers: dotNumbers("ragged_dot_general", given.dotDimensionNumbers),
    lhsRaggedDimensions: listOf("ragged_dot_general", "lhsRaggedDimensions", given.lhsRaggedDimensions),
    rhsGroupDimensions: listOf("ragged_dot_general", "rhsGroupDimensions", given.rhsGroupDimensions),
    preferredElementType,
  });
}
