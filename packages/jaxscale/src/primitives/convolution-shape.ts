/** Convolutions: which axis is which, sizes, and where the windows lie. */

import type { DType } from "../base/dtypes.ts";
import { ShapeError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { tuple } from "./python-text.ts";

type Axes = readonly number[];

/** Axes of batch and feature (of rhs: of output and input feature), then those of space. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ConvDimensionNumbers.html */
export interface ConvDimensionNumbers {
  readonly lhsSpec: Axes;
  readonly rhsSpec: Axes;
  readonly outSpec: Axes;
}

export type ConvParams = {
  readonly windowStrides: readonly number[];
  /** `[low, high]` for each axis of space; negative ones cut off. */
  readonly padding: readonly (readonly [number, number])[];
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
  readonly dimensionNumbers: ConvDimensionNumbers;
  readonly featureGroupCount: number;
  readonly batchGroupCount: number;
  readonly preferredElementType: DType | null;
};

/** Sizes by role instead of by axis. */
export interface ConvSizes {
  /** Feature groups, or batch groups: parts that are convolved on their own. */
  readonly groups: number;
  /** Of one group. */
  readonly batch: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly space: readonly number[];
  readonly window: readonly number[];
  readonly outSpace: readonly number[];
}

export const dilated = (size: number, dilation: number): number => (size === 0 ? 0 : 1 + (size - 1) * dilation);
export const transposeSpec = ([first, second, ...space]: Axes): number[] => [second, first, ...space];

const isPermutation = (spec: Axes, rank: number): boolean =>
  spec.length === rank && [...spec].sort((a, b) => a - b).every((axis, i) => axis === i);

/** @throws ShapeError */
export function convSizes(lhs: ShapedArray, rhs: ShapedArray, params: ConvParams): ConvSizes {
  const { dimensionNumbers, featureGroupCount, batchGroupCount } = params;
  const { lhsSpec, rhsSpec, outSpec } = dimensionNumbers;
  const rank = lhs.shape.length;
  const both = `${formatAval(lhs)} and ${formatAval(rhs)}`;
  const fail = (rule: string): never => {
    throw new ShapeError(`conv_general_dilated: ${rule}; got ${both}`);
  };
  if (rank < 2 || rhs.shape.length !== rank) fail("lhs and rhs must have one rank of at least 2");
  if (![lhsSpec, rhsSpec, outSpec].every((spec) => isPermutation(spec, rank)))
    fail(`dimension numbers must name every axis once, got ${[lhsSpec, rhsSpec, outSpec].map(tuple).join(", ")}`);
  checkLists(params, rank - 2, both);
  if (featureGroupCount > 1 && batchGroupCount > 1) fail("only one of feature and batch group counts may exceed 1");
  const [batch, features] = [lhs.shape[lhsSpec[0]], lhs.shape[lhsSpec[1]]];
  const [outFeatures, inFeatures] = [rhs.shape[rhsSpec[0]], rhs.shape[rhsSpec[1]]];
  if (features !== inFeatures * featureGroupCount)
    fail(`lhs features must be ${featureGroupCount} (feature_group_count) times rhs input features`);
  const groups = featureGroupCount * batchGroupCount;
  if (outFeatures % groups !== 0) fail(`rhs output features must be a multiple of the ${groups} groups`);
  if (batch % batchGroupCount !== 0) fail(`the batch must be a multiple of batch_group_count ${batchGroupCount}`);
  const space = lhsSpec.slice(2).map((axis) => lhs.shape[axis]);
  const window = rhsSpec.slice(2).map((axis) => rhs.shape[axis]);
  const outSpace = space.map((size, i) => {
    const [low, high] = params.padding[i];
    const room = dilated(size, params.lhsDilation[i]) + low + high - dilated(window[i], params.rhsDilation[i]);
    return room < 0 ? 0 : Math.floor(room / params.windowStrides[i]) + 1;
  });
  return {
    groups,
    batch: batch / batchGroupCount,
    inFeatures,
    outFeatures: outFeatures / groups,
    space,
    window,
    outSpace,
  };
}

function checkLists(params: ConvParams, dims: number, both: string): void {
  const { windowStrides, padding, lhsDilation, rhsDilation } = params;
  const check = (name: string, list: readonly number[], least: number): void => {
    if (list.length !== dims || !list.every((n) => Number.isInteger(n) && n >= least))
      throw new ShapeError(
        `conv_general_dilated: ${name} must be ${dims} integers of at least ${least}; got ${tuple(list)} for ${both}`,
      );
  };
  check("window_strides", windowStrides, 1);
  check("lhs_dilation", lhsDilation, 1);
  check("rhs_dilation", rhsDilation, 1);
  if (padding.length !== dims || !padding.flat().every(Number.isInteger))
    throw new ShapeError(
      `conv_general_dilated: padding must be ${dims} pairs of integers; got ${tuple(padding)} for ${both}`,
    );
}

/** Shape of the result, with its axes where `outSpec` says. */
export function convResultShape({ groups, batch, outFeatures, outSpace }: ConvSizes, outSpec: Axes): number[] {
  const shape: number[] = [];
  [batch, groups * outFeatures, ...outSpace].forEach((size, role) => {
    shape[outSpec[role]] = size;
  });
  return shape;
}
