/** Whether a series grows: a line through all pairs of points, which a few wild ones do not move. */
import { median } from "../statistics.ts";

/** Something that was sampled over and over. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** Seconds since the beginning, ascending. */
  readonly seconds: readonly number[];
  readonly values: readonly number[];
  /** How much more at the end than at the beginning means nothing, in the unit. */
  readonly allowed: number;
}

/** A line through the series, and what it says. */
export interface Growth {
  /** In units a second. */
  readonly slope: number;
  /** The slope is above this with a probability of 99 %. */
  readonly least: number;
  /** Of the line, from the first point to the last. */
  readonly growth: number;
  readonly isGrowing: boolean;
}

/** Of the standard normal distribution: 99 % lie below. */
const normalQuantile = 2.326;
/** Fewer points say nothing. */
export const fewestPoints = 10;

/**
 * Theil and Sen's slope, the median of the slopes of all pairs, and the lower end of its interval by Sen's normal approximation of
 * Kendall's statistic. @see https://doi.org/10.1080/01621459.1968.10480934
 * @throws RangeError for fewer than ten points
 */
export function theilSen(
  x: readonly number[],
  y: readonly number[],
): { readonly slope: number; readonly least: number } {
  const n = x.length;
  if (n < fewestPoints) throw new RangeError(`theilSen: at least ${fewestPoints} points are needed; got ${n}`);
  const slopes: number[] = [];
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) slopes.push((y[j] - y[i]) / (x[j] - x[i]));
  slopes.sort((a, b) => a - b);
  const deviation = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const lowest = Math.floor((slopes.length - normalQuantile * deviation) / 2);
  return { slope: median(slopes), least: slopes[Math.max(lowest, 0)] };
}

/** Most points of a line: the number of pairs grows with the square. */
const mostPoints = 600;

/** Medians of neighbours, so that at most `mostPoints` are left. */
function thinned({ seconds, values }: Series): readonly [number[], number[]] {
  const each = Math.ceil(seconds.length / mostPoints);
  const groups = Array.from({ length: Math.floor(seconds.length / each) }, (_, i) => [i * each, (i + 1) * each]);
  const medians = (all: readonly number[]): number[] => groups.map(([from, to]) => median(all.slice(from, to)));
  return [medians(seconds), medians(values)];
}

/** It grows if the line rises by more than is allowed, and surely rises at all. @throws RangeError for fewer than ten points */
export function growthOf(series: Series): Growth {
  const [x, y] = thinned(series);
  const { slope, least } = theilSen(x, y);
  const growth = slope * (x[x.length - 1] - x[0]);
  return { slope, least, growth, isGrowing: growth > series.allowed && least > 0 };
}
