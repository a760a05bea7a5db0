/** Of samples that a busy machine disturbs. */

/** @param share 0 for the least, 0.5 for the median, 1 for the most; between two samples it is interpolated */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * How far samples scatter, as a share of their median: the distance of the quartiles, or all of the range where there are under five,
 * whose quartiles say little. Undefined for one sample.
 */
export function spread(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const [low, high] = values.length < 5 ? [0, 1] : [0.25, 0.75];
  return (quantile(values, high) - quantile(values, low)) / median(values);
}

/** Takes samples in turn, round after round, so that whatever else runs disturbs all alike. The first rounds are dropped: they compile. */
export async function takeTurns<K extends string>(
  works: Readonly<Record<K, () => Promise<number>>>,
  { rounds, warmup = 1 }: { readonly rounds: number; readonly warmup?: number },
): Promise<Record<K, number[]>> {
  const names = Object.keys(works) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = -warmup; round < rounds; round++)
    for (const name of names) {
      const sample = await works[name]();
      if (round >= 0) samples[name].push(sample);
    }
  return samples;
}
