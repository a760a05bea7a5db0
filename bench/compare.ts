/** Two runs of the bench: what became better, what worse, and what is noise. */
import { judge, type Verdict } from "../packages/models/src/benchmark/judge.ts";
import type { BenchRecord, Figure, Measurement } from "./record.ts";

export { judge };

export interface Change {
  readonly suite: string;
  readonly name: string;
  /** Of the time now over the time before; of an exact figure likewise. */
  readonly ratio: number;
  /** How far the ratio may be from 1 and mean nothing; undefined for exact figures, infinite after one sample. */
  readonly noise?: number;
  readonly verdict: Verdict;
  /** What the times were divided by, if another system ran in turn in both runs. */
  readonly yardstick?: string;
}

/** Times, or times in those of the yardstick: whatever else a machine did in a turn is in both. */
function series({ samples }: Measurement, yardstick: string | undefined): readonly number[] {
  const theirs = yardstick === undefined ? undefined : samples[yardstick];
  return theirs ? samples.jaxscale.map((time, i) => time / theirs[i]) : samples.jaxscale;
}

const exactOnes = (figures: readonly Figure[]): Map<string, number> =>
  new Map(figures.flatMap(({ name, value, isExact }) => (isExact && value !== undefined ? [[name, value]] : [])));

function changesOf(suite: string, before: Measurement, now: Measurement): Change[] {
  const changes: Change[] = [];
  if (before.samples.jaxscale?.length && now.samples.jaxscale?.length) {
    const isInBoth = now.yardstick !== undefined && now.yardstick in before.samples && now.yardstick in now.samples;
    const yardstick = isInBoth ? now.yardstick : undefined;
    changes.push({ suite, name: now.name, yardstick, ...judge(series(before, yardstick), series(now, yardstick)) });
  }
  const counted = exactOnes(before.figures);
  for (const [name, value] of exactOnes(now.figures)) {
    const was = counted.get(name);
    if (was !== undefined && was !== value)
      changes.push({
        suite,
        name: `${now.name}: ${name} ${was} → ${value}`,
        ratio: value / was,
        verdict: value < was ? "better" : "worse",
      });
  }
  return changes;
}

/** Times of all works that both runs measured, and exact figures that differ. */
export function compareRecords(before: BenchRecord, now: BenchRecord): Change[] {
  return now.suites.flatMap(({ name: suite, measurements }) => {
    const known = new Map(before.suites.find(({ name }) => name === suite)?.measurements.map((m) => [m.name, m]));
    return measurements.flatMap((measurement) => {
      const earlier = known.get(measurement.name);
      return earlier ? changesOf(suite, earlier, measurement) : [];
    });
  });
}

export const changeHead = ["suite", "work", "now / before", "noise", "", "in times of"];

export const changeRow = ({ suite, name, ratio, noise, verdict, yardstick = "" }: Change): string[] => [
  suite,
  name,
  ratio.toFixed(2),
  noise === undefined ? "exact" : Number.isFinite(noise) ? `± ${(100 * noise).toFixed(0)} %` : "one sample",
  verdict,
  yardstick,
];
