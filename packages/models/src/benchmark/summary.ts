/** What a list of measurements comes to. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** The value that a share of the values lies below. @param share 0 for the least, 0.5 for the median, 1 for the most; between two values in proportion, as NumPy's `quantile` */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** Mean, extremes and percentiles. @param values at least one */
export function summaryOf(values: readonly number[]): Summary {
  return {
    count: values.length,
    mean: values.reduce((sum, x) => sum + x, 0) / values.length,
    min: quantile(values, 0),
    max: quantile(values, 1),
    p50: quantile(values, 0.5),
    p90: quantile(values, 0.9),
    p99: quantile(values, 0.99),
  };
}
