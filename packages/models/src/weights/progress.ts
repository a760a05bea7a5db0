/** Progress of a load or a download. */

export interface Progress {
  /** The parameter or file in progress. */
  readonly name: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly elapsedMs: number;
  /** Bytes of this run, excluding bytes present before. */
  readonly bytesPerSecond: number;
}

/** Called with the progress of a download or load. */
export type OnProgress = (progress: Progress) => void;

/** Counts bytes and reports them. */
export class ProgressMeter {
  readonly #totalBytes: number;
  readonly #startBytes: number;
  readonly #tell: OnProgress | undefined;
  readonly #startedAt = performance.now();
  #doneBytes: number;

  constructor(totalBytes: number, tell: OnProgress | undefined, doneBytes = 0) {
    this.#totalBytes = totalBytes;
    this.#startBytes = doneBytes;
    this.#doneBytes = doneBytes;
    this.#tell = tell;
  }

  add(name: string, sizeBytes: number): void {
    this.#doneBytes += sizeBytes;
    const elapsedMs = performance.now() - this.#startedAt;
    this.#tell?.({
      name,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      elapsedMs,
      bytesPerSecond: (1000 * (this.#doneBytes - this.#startBytes)) / Math.max(elapsedMs, 1e-3),
    });
  }
}

/** One line for a terminal: a bar, bytes, rate. @param columns maximum width */
export function formatProgress({ doneBytes, totalBytes, bytesPerSecond }: Progress, columns = 80): string {
  const part = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  const text = ` ${String(Math.floor(100 * part)).padStart(3)} %  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}  ${formatBytes(bytesPerSecond)}/s`;
  const width = Math.max(0, Math.min(40, columns - text.length));
  const full = Math.round(width * part);
  return `${"█".repeat(full)}${"░".repeat(width - full)}${text}`.slice(0, columns);
}

const units = ["B", "kB", "MB", "GB", "TB"];

/** Decimal units, three digits: `4.58 MB`. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
