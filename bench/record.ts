/** A run of the bench as data: what its suites measured, and on what. All other files of reports read only this. */

/** What holds of a figure if it is good enough. */
export interface Judged {
  /** Such as `≥ 85 %`. */
  readonly goal: string;
  /** Undefined where the figure was not measured. */
  readonly met: boolean | undefined;
}

/** Something that follows from the times of a measurement, or was counted beside them. */
export interface Figure {
  readonly name: string;
  readonly value: number | undefined;
  /** Behind the value, such as `GB/s`, `%` or `×`; counts have none. */
  readonly unit: string;
  /** The same in every run of one version: counts and bytes. Lower is better. */
  readonly isExact?: boolean;
  readonly goals?: readonly Judged[];
}

export interface Measurement {
  readonly name: string;
  readonly unit: "s" | "ms" | "µs";
  /** Times in the unit, by system; those of this library under `jaxscale`. Systems took turns, so that places in the lists belong together. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** The system of `samples` that a change of this library leaves as it is, if there is one. */
  readonly yardstick?: string;
  readonly figures: readonly Figure[];
  /** Why a system has no samples, by system. */
  readonly errors: Readonly<Record<string, string>>;
  /** Processes that ran or waited to, over the last minute, at the end. */
  readonly load: number;
}

export interface SuiteRecord {
  readonly name: string;
  readonly seconds: number;
  readonly measurements: readonly Measurement[];
  /** What was left out, and what it takes to measure it. */
  readonly leftOut: readonly string[];
  /** Why it ended early. */
  readonly error?: string;
}

export interface BenchRecord {
  /** ISO 8601, of the beginning. */
  readonly date: string;
  readonly command: string;
  readonly adapter: string;
  readonly target: unknown;
  readonly processors: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly suites: readonly SuiteRecord[];
}

/** The lowest and the highest load of some measurements. */
export function loads(suites: readonly SuiteRecord[]): readonly [number, number] {
  const all = suites.flatMap(({ measurements }) => measurements.map(({ load }) => load));
  return [Math.min(...all), Math.max(...all)];
}
