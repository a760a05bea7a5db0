/** `tune`: the fastest schedules for a function on the device at hand. */
import { align } from "../base/pretty.ts";
import type { TuningResult } from "../tune.ts";
import type { Lowered } from "./lowered.ts";

export type { TuningResult } from "../tune.ts";
export type { AutotuneOptions } from "./autotune.ts";

/** What tuning found, a line a class of kernels. */
export class TuningReport {
  readonly results: readonly TuningResult[];

  constructor(results: readonly TuningResult[]) {
    this.results = results;
  }

  toString(): string {
    if (this.results.length === 0) return "nothing to tune";
    const ms = (t: number | undefined): string => t?.toFixed(3) ?? "-";
    const parameters = (r: TuningResult): string =>
      Object.entries(r.parameters)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ") || "defaults";
    return align([
      ["kernels", "default ms", "tuned ms", "compared", "parameters"],
      ...this.results.map((r) => [
        r.shapeClass,
        ms(r.defaultMs),
        ms(r.tunedMs),
        r.compared === 0 ? "known" : `${r.compared}`,
        parameters(r),
      ]),
    ]);
  }
}

interface Lowerable<Args extends readonly unknown[]> {
  readonly lower: (...args: Args) => Lowered;
}

/**
 * Measures which schedules are fastest for a jitted function on arguments of these types, and uses them from now on: in
 * this process, and after it wherever tuning is asked for again. Synthetic data; the function itself does not run.
 * @throws DeviceError if there is no device
 */
export async function tune<Args extends readonly unknown[]>(f: Lowerable<Args>, ...args: Args): Promise<TuningReport> {
  return new TuningReport(await f.lower(...args).tune());
}
