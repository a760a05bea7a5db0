/** Errors between two tensors, over the tokens that are not padding. */

/** The columns of the reference that hold tokens, row by row, and which of them are compared. */
export interface Places {
  readonly columns: readonly (readonly number[])[];
  /** @param index of the token within its row, padding not counted */
  readonly counts: (row: number, index: number) => boolean;
}

/** Mean and standard deviation of values. */
export interface Moments {
  readonly mean: number;
  readonly std: number;
}

export interface Errors {
  readonly maxAbs: number;
  /** Largest magnitude of the reference. */
  readonly largest: number;
  /** Root mean square of the error ÷ that of the reference. */
  readonly rmsRelative: number;
  /** Of the angle between both, as vectors: 1 for equal tensors, also for two of zeros; 0 if one is zeros. */
  readonly cosine: number;
  readonly actual: Moments;
  readonly expected: Moments;
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
  let [maxAbs, largest, errorSquare, tokens, product] = [0, 0, 0, 0, 0];
  const [ours, theirs] = [new Sums(), new Sums()];
  columns.forEach((row, b) => {
    row.forEach((column, index) => {
      if (!counts(b, index)) return;
      tokens++;
      for (let outer = 0; outer < size; outer += inner)
        for (let i = 0; i < (alongKeys ? row.length : inner); i++) {
          const from = outer + (alongKeys ? row[i] : i);
          const value = expected[(b * width + column) * size + from];
          const at = actual.atColumns ? column * size + from : index * size + outer + i;
          const own = actual.values[b * width * size + at];
          const error = Math.abs(own - value);
          // A comparison alone would drop a NaN.
          maxAbs = error > maxAbs || Number.isNaN(error) ? error : maxAbs;
          largest = Math.max(largest, Math.abs(value));
          errorSquare += error * error;
          product += own * value;
          ours.add(own);
          theirs.add(value);
        }
    });
  });
  return {
    maxAbs,
    largest,
    rmsRelative: errorSquare === 0 ? 0 : Math.sqrt(errorSquare / theirs.square),
    cosine: cosineOf(product, ours.square, theirs.square),
    actual: ours.moments(),
    expected: theirs.moments(),
    tokens,
  };
}

/** Sums of values and of their squares. */
export class Sums {
  count = 0;
  sum = 0;
  square = 0;

  add(value: number): void {
    this.count++;
    this.sum += value;
    this.square += value * value;
  }

  moments(): Moments {
    const mean = this.sum / this.count;
    const variance = this.square / this.count - mean * mean;
    // Rounding may leave a variance of 0 below it; NaN stays.
    return { mean, std: variance < 0 ? 0 : Math.sqrt(variance) };
  }
}

/** product / √(square · square); see `Errors.cosine`. */
export function cosineOf(product: number, square: number, otherSquare: number): number {
  if (square === 0 || otherSquare === 0) return square === otherSquare ? 1 : 0;
  return product / Math.sqrt(square * otherSquare);
}

/** Of the angle between two vectors of the same length. */
export function cosineBetween(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, square, otherSquare] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    square += a[i] * a[i];
    otherSquare += b[i] * b[i];
  }
  return cosineOf(product, square, otherSquare);
}
