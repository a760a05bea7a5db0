/** Comparison of one tensor with the reference, and its tolerance. */
import type * as jax from "jaxscale";
import type { CausalLM } from "../model.ts";
import { type Errors, errorsBetween, type Places } from "./errors.ts";
import type { Allowance, GoldenCase, GoldenFile } from "./golden.ts";

/** Errors of one tensor against the golden one, and the tolerance. */
export interface TensorComparison extends Errors {
  readonly name: string;
  /** Undefined if the tensor is reported but not judged. */
  readonly allowed: { readonly maxAbs: number; readonly rmsRelative?: number } | undefined;
  readonly passed: boolean;
  /** Why it could not be compared. */
  readonly problem?: string;
}

/** A run of the model on the inputs of one case. */
export interface Running {
  readonly model: CausalLM;
  readonly golden: GoldenFile;
  readonly one: GoldenCase;
  /** Rows without padding. */
  readonly ids: readonly (readonly number[])[];
  readonly columns: readonly (readonly number[])[];
  readonly values: Readonly<Record<string, jax.Array>>;
}

export async function compareTensor(
  { model, golden, one, values }: Running,
  name: string,
  places: Places,
): Promise<TensorComparison> {
  const expected = await golden.read(one, name);
  const value = values[name];
  if (!value) return incomparable(name, "the model has no tensor of that name");
  if (value.shape.join() !== expected.shape.join())
    return incomparable(name, `must have the shape [${expected.shape.join()}]; got [${value.shape.join()}]`);
  const layout = { shape: expected.shape, alongKeys: name.endsWith(".probs") };
  const actual = (await value.data()) as Float32Array;
  const errors = errorsBetween(expected.values, { values: actual, atColumns: false }, layout, places);
  if (model.dtype === "float32" || name.endsWith("expert_ids")) return judged(name, errors, exact(errors));
  const other = await golden.readBfloat16(one, name);
  const own = other && errorsBetween(expected.values, { values: other.values, atColumns: true }, layout, places);
  return judged(name, errors, bfloat16(own ?? one.recorded[name]));
}

export const exact = ({ largest }: Errors): TensorComparison["allowed"] => ({ maxAbs: 2e-5 * Math.max(1, largest) });
export const bfloat16 = (own: Allowance | undefined): TensorComparison["allowed"] =>
  own && { maxAbs: 3 * own.maxAbs, rmsRelative: 2 * own.rmsRelative };

/** Whether the errors are within tolerance; NaN never passes. */
export function judged(name: string, errors: Errors, allowed: TensorComparison["allowed"]): TensorComparison {
  const { maxAbs, rmsRelative = Number.POSITIVE_INFINITY } = allowed ?? { maxAbs: Number.POSITIVE_INFINITY };
  return { name, ...errors, allowed, passed: errors.maxAbs <= maxAbs && errors.rmsRelative <= rmsRelative };
}

const unknown = { mean: Number.NaN, std: Number.NaN };
const incomparable = (name: string, problem: string): TensorComparison => ({
  name,
  problem,
  ...{ maxAbs: Number.NaN, largest: Number.NaN, rmsRelative: Number.NaN, cosine: Number.NaN, tokens: 0 },
  ...{ actual: unknown, expected: unknown },
  allowed: undefined,
  passed: false,
});
