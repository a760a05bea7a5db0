/**
 * `nn.initializers`: initial values of parameters, bit for bit equal to JAX where its random numbers are.
 * @see https://docs.jax.dev/en/latest/jax.nn.initializers.html
 */
import type { DType } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { roundTo } from "../../base/rounding.ts";
import { canonicalAxis, formatShape, type Shape, sizeOf } from "../../base/shapes.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { scalarOf } from "../../trace/operand.ts";
import * as lax from "../lax/index.ts";
import { full } from "../numpy/creation.ts";
import { normal as normalOf, truncatedNormal as truncatedNormalOf } from "../random/continuous.ts";
import type { Key } from "../random/key-array.ts";
import { uniform as uniformOf } from "../random/uniform.ts";

/** Values of a shape and dtype (float32 if absent) from a random key. */
export type Initializer = (key: Key, shape: Shape, dtype?: DType) => Array;

/** All 0. */
export const zeros: Initializer = (_key, shape, dtype = "float32") => full(shape, 0, { dtype });
/** All 1. */
export const ones: Initializer = (_key, shape, dtype = "float32") => full(shape, 1, { dtype });
/** All of one value. */
export const constant =
  (value: ArrayLike): Initializer =>
  (_key, shape, dtype = "float32") =>
    full(shape, value, { dtype });

// Factors are computed on the host, step by step in the dtype: devices need not round square roots and quotients correctly.
const scaled = (x: Array, factor: number): Array => lax.mul(x, scalarOf(factor, x.dtype));

/** Normal numbers of mean 0. */
export const normal =
  (stddev = 1e-2): Initializer =>
  (key, shape, dtype = "float32") =>
    scaled(normalOf(key, shape, { dtype }), roundTo(dtype, stddev));

/** Numbers spread evenly over `[0, scale)`. */
export const uniform =
  (scale = 1e-2): Initializer =>
  (key, shape, dtype = "float32") =>
    scaled(uniformOf(key, shape, { dtype }), roundTo(dtype, scale));

/** Normal numbers between two bounds, then scaled by `stddev`, which is therefore that of the untruncated ones. */
export const truncatedNormal =
  (stddev = 1e-2, { lower = -2, upper = 2 } = {}): Initializer =>
  (key, shape, dtype = "float32") =>
    scaled(truncatedNormalOf(key, lower, upper, { shape, dtype }), roundTo(dtype, stddev));

/** The divisor of the variance of an initializer: inputs, outputs, or their mean. */
export type FanMode = "fanIn" | "fanOut" | "fanAvg" | "fanGeoAvg";
/** The distribution of an initializer. */
export type Distribution = "truncatedNormal" | "normal" | "uniform";
/** The input, output and batch axes of a kernel. */
export interface FanAxes {
  /** Axes of the inputs; -2 if absent. */
  readonly inAxis?: number | readonly number[];
  /** Axes of the outputs; -1 if absent. */
  readonly outAxis?: number | readonly number[];
  /** Batch axes, which are neither inputs nor outputs. */
  readonly batchAxis?: number | readonly number[];
}

/** Fan-in and fan-out; the remaining axes are the receptive field. @throws ShapeError */
function fans(shape: Shape, { inAxis = -2, outAxis = -1, batchAxis = [] }: FanAxes): Record<FanMode, number> {
  if (shape.length < 2)
    throw new ShapeError(
      `varianceScaling: the shape must have at least 2 axes, for inputs and outputs to be counted; got ${formatShape(shape)}`,
    );
  const sizeAlong = (axes: number | readonly number[]): number =>
    [axes].flat().reduce((size, axis) => size * shape[canonicalAxis("varianceScaling", axis, shape.length)], 1);
  const [inputs, outputs] = [sizeAlong(inAxis), sizeAlong(outAxis)];
  const field = sizeOf(shape) / (inputs * outputs * sizeAlong(batchAxis));
  const [fanIn, fanOut] = [inputs * field, outputs * field];
  return { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2, fanGeoAvg: Math.sqrt(fanIn * fanOut) };
}

/** Standard deviation of a standard normal number that is kept within ±2. */
const truncatedStddev = 0.87962566103423978;

/**
 * Random numbers of variance `scale / n`, n the number of inputs, of outputs, or their mean.
 * @throws ShapeError for a shape of fewer than 2 axes
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.initializers.variance_scaling.html
 */
export function varianceScaling(
  scale: number,
  mode: FanMode,
  distribution: Distribution,
  axes: FanAxes = {},
): Initializer {
  return (key, shape, dtype = "float32") => {
    const round = (x: number): number => roundTo(dtype, x);
    const variance = round(scale / fans(shape, axes)[mode]);
    const stddev = round(Math.sqrt(variance));
    switch (distribution) {
      case "truncatedNormal":
        return truncatedNormal(round(stddev / round(truncatedStddev)))(key, shape, dtype);
      case "normal":
        return normal(stddev)(key, shape, dtype);
      case "uniform":
        return scaled(uniformOf(key, shape, { dtype, minval: -1 }), round(Math.sqrt(round(3 * variance))));
    }
  };
}

const scaling =
  (scale: number, mode: FanMode, distribution: Distribution) =>
  (axes: FanAxes = {}): Initializer =>
    varianceScaling(scale, mode, distribution, axes);

/** Variance 1 / inputs. */
export const lecunNormal = scaling(1, "fanIn", "truncatedNormal");
/** Uniform, variance 1 / inputs. */
export const lecunUniform = scaling(1, "fanIn", "uniform");
/** Variance 2 / (inputs + outputs). */
export const glorotNormal = scaling(1, "fanAvg", "truncatedNormal");
/** Uniform, variance 1 / mean of inputs and outputs. */
export const glorotUniform = scaling(1, "fanAvg", "uniform");
/** Variance 2 / inputs. */
export const heNormal = scaling(2, "fanIn", "truncatedNormal");
/** Uniform, variance 2 / inputs. */
export const heUniform = scaling(2, "fanIn", "uniform");
export {
  glorotNormal as xavierNormal,
  glorotUniform as xavierUniform,
  heNormal as kaimingNormal,
  heUniform as kaimingUniform,
};
