/** What a benchmark found, for people and for programs. */
import { cpus, loadavg, release, totalmem } from "node:os";
import { type BenchmarkResult, formatBytes, type Parallelism } from "@jaxscale/models";
import { type DeviceReport, type DType, devices } from "jaxscale";
import { formatPeaks, type NamedPeaks } from "./peaks.ts";
import { formatTable } from "./table.ts";

/** A configuration. */
export interface Place extends Required<Parallelism> {
  readonly batch: number;
  readonly promptTokens: number;
}

/** A configuration that was measured. */
export type MeasuredRow = Place &
  BenchmarkResult & {
    /** Of decoding, against one device with the same batch and prompt; absent where that was not measured. */
    readonly speedUp?: number;
    /** Speed-up over the number of devices. */
    readonly efficiency?: number;
  };

/** One configuration: measured, or why not. */
export type BenchmarkRow = MeasuredRow | (Place & { readonly error: string });

/** Where it was measured. */
export interface Environment {
  readonly adapter: string;
  readonly devices: number;
  readonly processor: string;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly date: string;
  /** Processes that wanted to run, over the last minute. */
  readonly load: number;
}

export const reportFormat = "jaxscale benchmark 1";

export interface BenchmarkReport {
  readonly format: typeof reportFormat;
  readonly model: string;
  readonly modelType: string;
  /** Of the weights. */
  readonly dtype: DType;
  /** What MFU and MBU are shares of. */
  readonly peaks: NamedPeaks;
  /** Measured, whatever shares are of. */
  readonly roofs: DeviceReport["roofs"];
  readonly environment: Environment;
  readonly rows: readonly BenchmarkRow[];
}

export async function environmentOf(): Promise<Environment> {
  const all = await devices();
  const [{ model }, ...others] = cpus();
  return {
    adapter: all[0].name,
    devices: all.length,
    processor: model,
    threads: others.length + 1,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()}`,
    node: process.version,
    date: new Date().toISOString(),
    load: loadavg()[0],
  };
}

/** Such as `1 x 2 x 1`. */
export const placeText = ({ tp, dp, ep }: Required<Parallelism>): string => `${tp} x ${dp} x ${ep}`;

const percent = (share: number): string => (100 * share).toFixed(1);
const ms = (x: number): string => x.toFixed(x < 100 ? 2 : 0);

/** A line a configuration; then what shares are of, and where it was measured. */
export function tableOf({ peaks, environment, rows }: BenchmarkReport): string {
  const head = ["tp x dp x ep", "batch", "prompt", "prefill ms", "min", "max", "p50", "tokens/s", "MFU %"];
  const decode = [
    "first token ms",
    "decode ms",
    "min",
    "max",
    "p50",
    "p90",
    "p99",
    "tokens/s",
    "MFU %",
    "MBU %",
    "GB/s",
    "memory",
  ];
  const comparison = ["speed-up", "efficiency %", ""];
  const lines = rows.map((row) => {
    const place = [placeText(row), `${row.batch}`, `${row.promptTokens}`];
    if ("error" in row)
      return [...place, ...new Array<string>(head.length + decode.length - 3 + 2).fill("-"), row.error];
    const { prefillMs: p, decodeMs: d } = row;
    const { speedUp, efficiency } = row;
    return [
      ...place,
      ...[p.mean, p.min, p.max, p.p50].map(ms),
      row.prefillTokensPerSecond.toFixed(1),
      percent(row.prefillMfu),
      ms(row.firstTokenMs.mean),
      ...[d.mean, d.min, d.max, d.p50, d.p90, d.p99].map(ms),
      row.decodeTokensPerSecond.toFixed(1),
      percent(row.decodeMfu),
      percent(row.decodeMbu),
      row.decodeGigabytesPerSecond.toFixed(2),
      formatBytes(row.peakBytes),
      speedUp === undefined ? "-" : speedUp.toFixed(2),
      efficiency === undefined ? "-" : percent(efficiency),
      "",
    ];
  });
  return [
    formatTable([...head, ...decode, ...comparison], lines),
    "",
    `Shares are of ${formatPeaks(peaks)}. Speed-up is of decoding against tp 1 · dp 1 · ep 1, efficiency that over the devices.`,
    `${environment.adapter}; ${environment.processor}, ${environment.threads} threads; load ${environment.load.toFixed(1)}`,
  ].join("\n");
}

/** Adds speed-up and efficiency. */
export function compareDevices(rows: readonly BenchmarkRow[]): BenchmarkRow[] {
  const devicesOf = ({ tp, dp, ep }: Place): number => tp * dp * ep;
  return rows.map((row) => {
    const one = rows.find(
      (other) => devicesOf(other) === 1 && other.batch === row.batch && other.promptTokens === row.promptTokens,
    );
    if ("error" in row || one === undefined || "error" in one) return row;
    const speedUp = one.decodeMs.mean / row.decodeMs.mean;
    return { ...row, speedUp, efficiency: speedUp / devicesOf(row) };
  });
}
