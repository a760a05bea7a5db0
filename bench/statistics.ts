/** Of samples that a busy machine disturbs. */
import { quantile } from "../packages/models/src/benchmark/summary.ts";

export { spread } from "../packages/models/src/benchmark/judge.ts";
export { quantile };

export const median = (values: readonly number[]): number => quantile(values, 0.5);

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
