/** A comparison as plain data: what `--json` prints, and what the page shows. */
import type { Judgement } from "@jaxscale/models";
import type { ComparedReport } from "./read-report.ts";

/** Times of a report's repeats in ms, and what has become of them since the first report. */
export interface ComparedTimes {
  readonly low: number;
  readonly median: number;
  readonly high: number;
  readonly repeats: number;
  /** Absent in the first report, and where that has no times. `noise` is null where it is not known. */
  readonly change?: Omit<Judgement, "noise"> & { readonly noise: number | null };
}

/** What one report says of a configuration. */
export type ComparedCell =
  | { readonly prefill: ComparedTimes; readonly decode: ComparedTimes; readonly peakBytes: number }
  | { readonly error: string };

export interface ComparedConfiguration {
  /** Such as `tp 1 · dp 1 · ep 1, batch 1, prompt 128`. */
  readonly name: string;
  /** One for each report; null where it has no such configuration. */
  readonly cells: readonly (ComparedCell | null)[];
}

export interface Comparison {
  readonly files: readonly Omit<ComparedReport, "rows">[];
  /** Sentences on what was not the same for all, and so may be why times differ. */
  readonly differences: readonly string[];
  readonly configurations: readonly ComparedConfiguration[];
}

export const hasTimes = (cell: ComparedCell | null): cell is Extract<ComparedCell, { peakBytes: number }> =>
  cell !== null && !("error" in cell);
