/** Errors between two tensors, over the tokens that are not padding. */

/** The columns of the reference that hold tokens, row by row, and which of them are compared. */
export interface Places {
  readonly columns: readonly (readonly number[])[];
  /** @param index of the token within its row, padding not counted */
  readonly counts: (row: number, index: number) => boolean;
}

export interface Errors {
  readonly maxAbs: number;
  /** Largest magnitude of the reference. */
  readonly largest: number;
  /** Root mean square of the error ÷ that of the reference. */
  readonly rmsRelative: number;
  /** Number of compared tokens. */
  readonly tokens: number;
}

/** Layout of a tensor `[B, T, …]`. */
interface Layout {
  readonly shape: readonly number[];
  /** Whether the last axis indexes keys, and so tokens. */
  readonly alongKeys: boolean;
}

/**
 * @param expected tokens are at their columns
 * @param actual tokens are at their columns, or at the beginning of their rows
 */
export function errorsBetween(
  expected: ArrayLike<number>,
  actual: { readonly values: ArrayLike<number>; readonly atColumns: boolean },
  { shape, alongKeys }: Layout,
  { columns, counts }: Places,
): Errors {
  const [, width, ...rest] = shape;
  const size = rest.reduce((a, b) => a * b, 1);
  const inner = alongKeys ? shape[shape.length - 1] : size;
  let [maxAbs, largest, square, errorSquare, tokens] = [0, 0, 0, 0, 0];
  columns.forEach((row, b) => {
    row.forEach((column, index) => {
      if (!counts(b, index)) return;
      tokens++;
      for (let outer = 0; outer < size; outer += inner)
        for (let i = 0; i < (alongKeys ? row.length : inner); i++) {
          const from = outer + (alongKeys ? row[i] : i);
          const value = expected[(b * width + column) * size + from];
          const at = actual.atColumns ? column * size + from : index * size + outer + i;
          const error = Math.abs(actual.values[b * width * size + at] - value);
          // A comparison alone would drop a NaN.
          maxAbs = error > maxAbs || Number.isNaN(error) ? error : maxAbs;
          largest = Math.max(largest, Math.abs(value));
          square += value * value;
          errorSquare += error * error;
        }
    });
  });
  return { maxAbs, largest, rmsRelative: errorSquare === 0 ? 0 : Math.sqrt(errorSquare / square), tokens };
}
