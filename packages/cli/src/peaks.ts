/** What the shares of a benchmark are of, and who says so. */
import type { Peaks } from "@jaxscale/models";
import { type Command, Option } from "commander";
import type { DeviceReport, DType } from "jaxscale";
import { numberIn } from "./flags.ts";

export interface PeakFlags {
  readonly peaks?: "measured" | "data_sheet";
  readonly peak_flops?: number;
  readonly peak_bandwidth?: number;
}

/** Peaks with their sources, for a reader. */
export interface NamedPeaks extends Peaks {
  readonly flopsFrom: string;
  readonly bytesFrom: string;
}

/** `--peaks`, `--peak_flops`, `--peak_bandwidth`. */
export const addPeakFlags = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--peaks <source>",
        "what to take shares of: what the adapter reached here, or its maker's data sheet (default: the data sheet of a GPU that has a row, else measured)",
      ).choices(["measured", "data_sheet"]),
    )
    .option("--peak_flops <x>", "operations a second to take shares of", numberIn({ above: 0 }))
    .option("--peak_bandwidth <x>", "bytes a second to take shares of", numberIn({ above: 0 }));

/** Flags win; then the data sheet's peaks for the weights' dtype; then what was measured. */
export function peaksOf(
  { peaks, peak_flops, peak_bandwidth }: PeakFlags,
  { adapter, device, dataSheet, roofs }: Pick<DeviceReport, "adapter" | "device" | "dataSheet" | "roofs">,
  dtype: DType,
  command: Command,
): NamedPeaks {
  if (peaks === "data_sheet" && !dataSheet)
    command.error(
      `error: --peaks data_sheet needs a GPU whose data sheet is known; got ${device || adapter}. Give --peak_flops and --peak_bandwidth`,
    );
  const sheet = peaks === "measured" ? undefined : dataSheet;
  const from = sheet ? `data sheet of ${sheet.name} (${sheet.source})` : "measured on this adapter";
  const narrow = dtype === "bfloat16" || dtype === "float16" ? dtype : "float32";
  return {
    flopsPerSecond: peak_flops ?? sheet?.flopsPerSecond[narrow] ?? roofs.gigaflopsPerSecond * 1e9,
    bytesPerSecond: peak_bandwidth ?? sheet?.bytesPerSecond ?? roofs.readGigabytesPerSecond * 1e9,
    flopsFrom: peak_flops !== undefined ? "--peak_flops" : sheet ? `${narrow} of the ${from}` : from,
    bytesFrom: peak_bandwidth !== undefined ? "--peak_bandwidth" : from,
  };
}

/** Such as `66.7 GFLOP/s (measured on this adapter) and 12.8 GB/s (--peak_bandwidth)`. */
export function formatPeaks({ flopsPerSecond, bytesPerSecond, flopsFrom, bytesFrom }: NamedPeaks): string {
  const flops = `${(flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`;
  const bytes = `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`;
  return flopsFrom === bytesFrom
    ? `${flops} and ${bytes} (${bytesFrom})`
    : `${flops} (${flopsFrom}) and ${bytes} (${bytesFrom})`;
}
