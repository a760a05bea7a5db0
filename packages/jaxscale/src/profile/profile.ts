/** What was measured, and the forms in which it can be looked at. */
import type { DeviceProfile, KernelTiming, Roofs } from "../runtime/index.ts";
import { bandwidthOf, type KernelProfile, summarize } from "./kernel-rows.ts";
import { memorySeries } from "./memory-series.ts";
import { profilePage } from "./page.ts";
import { type HostRecording, totalsOf } from "./recording.ts";
import { kernelRows, type RunData } from "./run-data.ts";
import { type Stretch, stretchOf } from "./stretch.ts";
import { hostTable, kernelTable, type TableOptions } from "./table.ts";
import { traceJson } from "./trace-events.ts";

/** Kernels by time, most first. */
export class Profile {
  readonly kernels: readonly KernelProfile[];
  /** Sum of the kernels' device times. */
  readonly elapsedMs: number;
  readonly roofs: Roofs | undefined;
  /** `submits` where the device has no timestamps: the host timed each dispatch, submitted alone. */
  readonly clock: DeviceProfile["clock"];

  constructor(
    kernels: readonly KernelProfile[],
    roofs: Roofs | undefined,
    clock: DeviceProfile["clock"] = "timestamps",
  ) {
    this.clock = clock;
    this.kernels = [...kernels].sort((a, b) => b.elapsedMs - a.elapsedMs);
    this.elapsedMs = kernels.reduce((ms, k) => ms + k.elapsedMs, 0);
    this.roofs = roofs;
  }

  /** Aligned columns, a line a kernel, a line of totals; then the roofs, and how times were taken if not by the device. */
  table(options: TableOptions = {}): string {
    const table = kernelTable(this.kernels, this.roofs, options);
    if (this.clock === "timestamps") return table;
    return `${table}\nthe device has no timestamps: each dispatch was a submit of its own, timed by the host`;
  }
  toString(): string {
    return this.table();
  }
}

/** Where and how a recording was made. */
export interface RecordingInfo {
  readonly name: string;
  readonly adapter: string;
  readonly endMs: number;
}

/** A profile with what the host did meanwhile, and the device memory over time. */
export class Recording extends Profile {
  readonly #timings: readonly KernelTiming[];
  readonly #host: HostRecording;
  readonly #info: RecordingInfo;

  constructor({ clock, timings }: DeviceProfile, host: HostRecording, roofs: Roofs | undefined, info: RecordingInfo) {
    super(summarize(timings, roofs), roofs, clock);
    this.#timings = timings;
    this.#host = host;
    this.#info = info;
  }

  /** Kernels, then phases of the host and the peak of memory. */
  override table(options: TableOptions = {}): string {
    const { memory, host, wallMs } = this.data();
    return [
      super.table(options),
      "",
      hostTable(host),
      `wall time ${wallMs.toFixed(3)} ms; peak of device memory ${(memory.peakBytes / 2 ** 20).toFixed(1)} MiB`,
    ].join("\n");
  }

  /** What happened in the spans that `annotate` named so. @throws RangeError if there is none */
  during(name: string): Stretch {
    return stretchOf(name, this.#timings, this.#host.spans, this.roofs);
  }

  /** As plain data: what `profile.json` holds. */
  data(): RunData {
    const { roofs } = this;
    const { name, adapter, endMs } = this.#info;
    const { startMs, spans, memoryChanges } = this.#host;
    return {
      format: "jaxscale profile 1",
      name,
      adapter,
      clock: this.clock,
      wallMs: endMs - startMs,
      elapsedMs: this.elapsedMs,
      roofs: roofs ? { gigabytesPerSecond: bandwidthOf(roofs), gigaflopsPerSecond: roofs.gigaflopsPerSecond } : null,
      ...kernelRows(this.kernels),
      host: totalsOf(spans),
      memory: memorySeries(memoryChanges, startMs),
    };
  }

  /** For Perfetto (https://ui.perfetto.dev) and `chrome://tracing`. @see https://perfetto.dev/docs/getting-started/other-formats */
  traceJson(): string {
    return traceJson(this.#timings, this.#host, this.#info.adapter);
  }

  /** A page that needs nothing else. @param others runs to stand beside this one: what was parsed from their `profile.json` */
  html(...others: readonly RunData[]): Promise<string> {
    return profilePage([this.data(), ...others]);
  }
}
