/** A profile as plain data: what `profile.json` holds, and what the page shows. */
import type { KernelProfile, KernelTexts } from "./kernel-rows.ts";
import type { MemorySeries } from "./memory-series.ts";
import type { HostTotal } from "./recording.ts";

/** A kernel's row, its texts by their numbers in `RunData.texts`. */
export type KernelRow = Omit<KernelProfile, "texts" | "shareOfRoof"> & {
  /** null if roofs were not measured. */
  readonly shareOfRoof: number | null;
  readonly texts: { readonly [K in keyof KernelTexts]: number };
};

/** A recording as plain data. */
export interface RunData {
  readonly format: "jaxscale profile 1";
  readonly name: string;
  readonly adapter: string;
  /** `submits` where the device has no timestamps: the host timed each dispatch, submitted alone. */
  readonly clock: "timestamps" | "submits";
  /** From the beginning of the recording to its end. */
  readonly wallMs: number;
  /** Sum of the kernels' device times. */
  readonly elapsedMs: number;
  readonly roofs: { readonly gigabytesPerSecond: number; readonly gigaflopsPerSecond: number } | null;
  readonly kernels: readonly KernelRow[];
  readonly host: readonly HostTotal[];
  readonly memory: MemorySeries;
  readonly texts: readonly string[];
}

/** Rows with each distinct text once. */
export function kernelRows(kernels: readonly KernelProfile[]): Pick<RunData, "kernels" | "texts"> {
  const numbers = new Map<string, number>();
  const numberOf = (text: string): number => {
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  };
  const rows = kernels.map(({ texts, shareOfRoof, ...row }): KernelRow => {
    const { jaxpr, kernel, wgsl } = texts();
    return {
      ...row,
      shareOfRoof: Number.isNaN(shareOfRoof) ? null : shareOfRoof,
      texts: { jaxpr: numberOf(jaxpr), kernel: numberOf(kernel), wgsl: numberOf(wgsl) },
    };
  });
  return { kernels: rows, texts: [...numbers.keys()] };
}
