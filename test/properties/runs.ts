/** How many runs a property gets, always from one seed: a sample by default, many with `JAXSCALE_FULL=1`. */
import type { Parameters } from "fast-check";

const full = process.env.JAXSCALE_FULL === "1";

export const runs = <T>(sample: number): Parameters<T> => ({
  numRuns: full ? 5 * sample : sample,
  includeErrorInReport: true,
  seed: Number(process.env.JAXSCALE_SEED ?? 20260601),
  // A smaller failing program costs a compilation a try.
  interruptAfterTimeLimit: full ? undefined : 50_000,
});
