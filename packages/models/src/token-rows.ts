/** Token ids and logits between host and device. */
import * as jax from "jaxscale";

/** Whole numbers on the device: int32 `[]`, `[B]` or `[B,T]`. */
export const int32 = (values: number | readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(values as number[], { dtype: "int32" });

/** Pads rows at the end to equal lengths. */
export const padded = (rows: readonly (readonly number[])[], width: number): number[][] =>
  rows.map((row) => [...row, ...new Array<number>(width - row.length).fill(0)]);

/** The token with the largest of `size` logits; the first of equal ones. */
export function likeliest(logits: ArrayLike<number>, size: number, from = 0): number {
  let best = 0;
  for (let i = 1; i < size; i++) if (logits[from + i] > logits[from + best]) best = i;
  return best;
}
