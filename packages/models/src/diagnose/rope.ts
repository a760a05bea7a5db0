/** The angles of rotary embeddings against inverse frequencies from elsewhere. */
import * as jax from "jaxscale";
import { architectureOf, type ModelConfig } from "../architectures.ts";
import { inverseFrequencies, type RopeSettings, rotationAt } from "../layers/rope.ts";

/** Inverse frequencies of a model against others. */
export interface RopeDiagnosis {
  readonly theta: number;
  readonly headDim: number;
  readonly rotaryDim: number;
  /** theta^(−2j / rotaryDim), in radians a position. */
  readonly inverseFrequencies: readonly number[];
  readonly expected: readonly number[];
  /** Largest relative difference between both; infinite if their numbers differ. */
  readonly relative: number;
  /** Largest difference in radians between the angles that the device rotates position 1 by, and the inverse frequencies. */
  readonly deviceError: number;
  readonly passed: boolean;
}

// Recorded frequencies are powers in float32; sine and cosine in float32 are as far from the angle.
const tolerance = 2e-6;

/** Inverse frequencies that a config asks for. */
export const ropeFrequencies = (config: ModelConfig): number[] =>
  inverseFrequencies(architectureOf(config).rope(config));

/**
 * Holds the inverse frequencies of a model, and the angles that the device computes of them, against others.
 * @param expected inverse frequencies of the same head; those of the settings themselves if absent
 */
export async function diagnoseRope(
  settings: RopeSettings,
  expected: readonly number[] = inverseFrequencies(settings),
): Promise<RopeDiagnosis> {
  const own = inverseFrequencies(settings);
  const relative =
    own.length === expected.length
      ? Math.max(...own.map((x, j) => Math.abs(x - expected[j]) / Math.abs(expected[j])))
      : Number.POSITIVE_INFINITY;
  const { cos, sin } = rotationAt(jax.numpy.array([[1]], { dtype: "int32" }), settings);
  const [cosines, sines] = [await cos.data(), await sin.data()];
  const angles = own.map((_, j) => Math.atan2(sines[j], cosines[j]));
  const deviceError = Math.max(...own.map((x, j) => Math.abs(angles[j] - x)));
  for (const array of [cos, sin]) array.dispose();
  return {
    theta: settings.theta,
    headDim: settings.headDim,
    rotaryDim: settings.rotaryDim,
    inverseFrequencies: own,
    expected,
    relative,
    deviceError,
    passed: relative <= tolerance && deviceError <= tolerance,
  };
}
