/** Times of two runs: whether one is better, or the difference is noise. */
import { quantile } from "./summary.ts";

/** Of the later of two runs. */
export type Verdict = "better" | "worse" | "noise";

/** What `judge` finds. */
export interface Judgement {
  /** Of the median now over the median before. */
  readonly ratio: number;
  /** How far the ratio may be from 1 and mean nothing; infinite after one sample. */
  readonly noise: number;
  readonly verdict: Verdict;
}

/**
 * How far samples scatter, as a share of their median: the distance of the quartiles, or all of the range where there are under five,
 * whose quartiles say little. Undefined for one sample.
 */
export function spread(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const [low, high] = values.length < 5 ? [0, 1] : [0.25, 0.75];
  return (quantile(values, high) - quantile(values, low)) / quantile(values, 0.5);
}

/**
 * Noise is the larger spread of the two runs. A change is told from it by two witnesses: median and fastest sample have both moved
 * further than the noise, in the same direction. Of runs with one sample nothing is known, so that they are noise.
 */
export function judge(before: readonly number[], now: readonly number[]): Judgement {
  const noise = Math.max(spread(before) ?? Number.POSITIVE_INFINITY, spread(now) ?? Number.POSITIVE_INFINITY);
  const ratio = quantile(now, 0.5) / quantile(before, 0.5);
  const fastest = Math.min(...now) / Math.min(...before);
  const isWorse = Math.min(ratio, fastest) > 1 + noise;
  const isBetter = Math.max(ratio, fastest) < 1 / (1 + noise);
  return { ratio, noise, verdict: isWorse ? "worse" : isBetter ? "better" : "noise" };
}
