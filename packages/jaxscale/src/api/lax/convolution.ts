/** Convolutions. */
import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { convGeneralDilated as convPrimitive } from "../../primitives/convolution.ts";
import { type ConvDimensionNumbers, dilated } from "../../primitives/convolution-shape.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf, optionsOf, wholesOf } from "../arguments.ts";

/** `["NHWC", "HWIO", "NHWC"]`, or the axes themselves. Absent: batch, feature, space; output feature, input feature, space. */
export type ConvDimensions = readonly [string, string, string] | ConvDimensionNumbers;

/** Options of convolutions. */
export interface ConvOptions {
  readonly lhsDilation?: readonly number[];
  readonly rhsDilation?: readonly number[];
  readonly dimensionNumbers?: ConvDimensions | null;
  /** Number of feature groups that are convolved separately; as many as features for a depthwise convolution. */
  readonly featureGroupCount?: number;
  readonly batchGroupCount?: number;
  /** Type of the result; that of the operands if absent. Floats accumulate in float32 whatever it is. */
  readonly preferredElementType?: DType | null;
}

const op = "conv_general_dilated";
const range = (n: number): number[] => globalThis.Array.from({ length: n }, (_, i) => i);

/** Axes by role out of letters: those of space in the order in which rhs has them. */
function convDimensions(given: ConvDimensions | null | undefined, rank: number): ConvDimensionNumbers {
  if (!given) return { lhsSpec: range(rank), rhsSpec: range(rank), outSpec: range(rank) };
  if (typeof given === "object" && "lhsSpec" in given) return given;
  const [lhs, rhs, out] = listOf<string>(op, "dimensionNumbers", given);
  const axes = (spec: string, first: string, second: string): number[] => {
    const space = [...rhs].filter((c) => c !== "O" && c !== "I").map((c) => spec.indexOf(c));
    const found = [spec.indexOf(first), spec.indexOf(second), ...space];
    if (spec.length !== rank || new Set(spec).size !== rank || found.includes(-1))
      throw new ShapeError(
        `${op}: dimension numbers must be ${rank} different letters each, N, C (O, I) and those of space; got ${lhs}, ${rhs}, ${out}`,
      );
    return found;
  };
  return { lhsSpec: axes(lhs, "N", "C"), rhsSpec: axes(rhs, "O", "I"), outSpec: axes(out, "N", "C") };
}

/** `SAME` pads so that a stride of 1 keeps the size, the odd one at the end (`SAME_LOWER`: at the beginning); `VALID` does not pad. */
export type Padding = "SAME" | "SAME_LOWER" | "VALID" | readonly (readonly [number, number])[];

function paddingOf(padding: Padding, space: readonly number[], window: readonly number[], strides: readonly number[]) {
  if (typeof padding !== "string")
    return listOf(op, "padding", padding).map((pair) => listOf(op, "the padding of an axis", pair) as [number, number]);
  if (!["SAME", "SAME_LOWER", "VALID"].includes(padding))
    throw new ShapeError(`${op}: padding must be SAME, SAME_LOWER, VALID or pairs; got ${padding}`);
  return space.map((size, i): [number, number] => {
    if (padding === "VALID") return [0, 0];
    const total = Math.max((Math.ceil(size / strides[i]) - 1) * strides[i] + window[i] - size, 0);
    const half = Math.floor(total / 2);
    return padding === "SAME" ? [half, total - half] : [total - half, half];
  });
}

/**
 * Slides `rhs` over `lhs`, for any number of axes of space. @param windowStrides one an axis of space
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_general_dilated.html
 */
export function convGeneralDilated(
  lhs: ArrayLike,
  rhs: ArrayLike,
  windowStrides: readonly number[],
  padding: Padding,
  given?: ConvOptions,
): Array {
  const options = optionsOf(op, given, {
    lhsDilation: undefined,
    rhsDilation: undefined,
    dimensionNumbers: undefined,
    featureGroupCount: 1,
    batchGroupCount: 1,
    preferredElementType: null,
  });
  const [x, w] = [asArray(op, lhs), asArray(op, rhs)];
  if (x.ndim !== w.ndim || x.ndim < 2)
    throw new ShapeError(
      `${op}: lhs and rhs must have one rank of at least 2; got ${formatAval(x.aval)} and ${formatAval(w.aval)}`,
    );
  const strides = wholesOf(op, "windowStrides", windowStrides);
  const dimensionNumbers = convDimensions(options.dimensionNumbers, x.ndim);
  const ones = range(x.ndim - 2).map(() => 1);
  const lhsDilation = listOf(op, "lhsDilation", options.lhsDilation ?? ones);
  const rhsDilation = listOf(op, "rhsDilation", options.rhsDilation ?? ones);
  const { lhsSpec, rhsSpec } = dimensionNumbers;
  const window = rhsSpec.slice(2).map((axis, i) => dilated(w.shape[axis], rhsDilation[i] ?? 1));
  const space = lhsSpec.slice(2).map((axis) => x.shape[axis]);
  return bind1(convPrimitive, [x, w], {
    windowStrides: [...strides],
    padding: paddingOf(padding, space, window, strides),
    lhsDilation,
    rhsDilation,
    dimensionNumbers,
    featureGroupCount: options.featureGroupCount,
    batchGroupCount: options.batchGroupCount,
    preferredElementType: options.preferredElementType,
  });
}

/** As `convGeneralDilated` without dilation, with JAX's default order of axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv.html */
export const conv = (lhs: ArrayLike, rhs: ArrayLike, windowStrides: readonly number[], padding: Padding): Array =>
  convGeneralDilated(lhs, rhs, windowStrides, padding);
