/** Where a computation's time goes on the device, kernel by kernel. */
import { align } from "../base/pretty.ts";
import { getClient, type KernelTiming, measureRoofs, type Roofs } from "../runtime/index.ts";

export type { Roofs } from "../runtime/index.ts";

/** One kernel of a program, over all its dispatches in the profile. */
export interface KernelProfile {
  readonly name: string;
  /** The jitted function that launched it. */
  readonly program: string;
  /** `namedScope`s around its main equation, joined by `/`. */
  readonly scope: string;
  /** Primitives fused into it. */
  readonly operations: readonly string[];
  /** Dispatches. */
  readonly count: number;
  /** Device time of all of them. */
  readonly elapsedMs: number;
  /** Of all dispatches together: each read and written once; caches are not counted. */
  readonly bytes: number;
  readonly flops: number;
  readonly transcendentals: number;
  readonly gigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
  /** Of the adapter's measured bandwidth or arithmetic, whichever the kernel is nearer to: 0 to about 1. NaN if not measured. */
  readonly shareOfRoof: number;
  readonly boundBy: "memory" | "arithmetic";
}

/** Options of `profiler.kernels`. */
export interface KernelsOptions {
  /** Runs that are not measured; the first of a function compiles. 1 by default; 0 if a run donates its arguments. */
  readonly warmup?: number;
  /** Measured runs. */
  readonly runs?: number;
  /** Whether to measure the adapter's roofs, once a device: on by default, takes about a second. */
  readonly roofs?: boolean;
}

/** Kernels by time, most first. */
export class Profile {
  readonly kernels: readonly KernelProfile[];
  /** Sum of the kernels' device times. */
  readonly elapsedMs: number;
  readonly roofs: Roofs | undefined;

  constructor(kernels: readonly KernelProfile[], roofs: Roofs | undefined) {
    this.kernels = [...kernels].sort((a, b) => b.elapsedMs - a.elapsedMs);
    this.elapsedMs = kernels.reduce((ms, k) => ms + k.elapsedMs, 0);
    this.roofs = roofs;
  }

  /** Aligned columns, a line a kernel, a line of totals; then the roofs. */
  table(): string {
    const sum = (of: (k: KernelProfile) => number): number => this.kernels.reduce((n, k) => n + of(k), 0);
    const bytes = sum((k) => k.bytes);
    const flops = sum((k) => k.flops);
    const total = { ...rates(bytes, flops, this.elapsedMs, this.roofs), elapsedMs: this.elapsedMs, bytes, flops };
    const row = (name: string, scope: string, count: number, k: Rated): string[] => [
      name,
      scope,
      `${count}`,
      k.elapsedMs.toFixed(3),
      percent(this.elapsedMs === 0 ? 0 : k.elapsedMs / this.elapsedMs),
      (k.bytes / 1e6).toFixed(2),
      (k.flops / 1e6).toFixed(2),
      k.gigabytesPerSecond.toFixed(2),
      k.gigaflopsPerSecond.toFixed(2),
      percent(k.shareOfRoof),
    ];
    const numbers = (column: number): boolean => column > 1;
    const rows = [
      ["kernel", "scope", "count", "ms", "time", "MB", "MFLOP", "GB/s", "GFLOP/s", "of roof"],
      ...this.kernels.map((k) => row(k.name, k.scope, k.count, k)),
      row(
        "total",
        "",
        sum((k) => k.count),
        total,
      ),
    ];
    const lines = align(rows, numbers);
    const { roofs } = this;
    if (!roofs) return lines;
    const bandwidth = bandwidthOf(roofs).toFixed(1);
    return `${lines}\nroofs: ${bandwidth} GB/s, ${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s`;
  }
  toString(): string {
    return this.table();
  }
}

/**
 * Profiles what `run` launches, by timestamps around every kernel. Kernels then do not overlap, so that the sum may exceed
 * the time of an unprofiled run.
 * @throws DeviceError if the device has no timestamps
 */
export async function kernels(run: () => unknown, options: KernelsOptions = {}): Promise<Profile> {
  const { warmup = 1, runs = 1, roofs: wanted = true } = options;
  const client = getClient();
  for (let i = 0; i < warmup; i++) await run();
  const roofs = wanted ? await measureRoofs(client) : undefined;
  const timings = await client.profile(async () => {
    for (let i = 0; i < runs; i++) await run();
  });
  return new Profile(summarize(timings, roofs), roofs);
}

/** Dispatches of one kernel, in one scope of one program, taken together. */
export function summarize(timings: readonly KernelTiming[], roofs: Roofs | undefined): KernelProfile[] {
  const groups = new Map<string, KernelTiming[]>();
  for (const t of timings) {
    const key = JSON.stringify([t.program, t.kernel, t.origin.scope, t.workgroups, t.origin.operations]);
    const group = groups.get(key);
    if (group) group.push(t);
    else groups.set(key, [t]);
  }
  return [...groups.values()].map((group): KernelProfile => {
    const [{ kernel, program, origin }] = group;
    const sum = (of: (t: KernelTiming) => number): number => group.reduce((n, t) => n + of(t), 0);
    const elapsedMs = sum((t) => t.elapsedMs);
    const bytes = sum((t) => t.origin.bytes);
    const flops = sum((t) => t.origin.flops);
    return {
      name: kernel,
      program,
      scope: origin.scope,
      operations: origin.operations,
      count: group.length,
      elapsedMs,
      bytes,
      flops,
      transcendentals: sum((t) => t.origin.transcendentals),
      ...rates(bytes, flops, elapsedMs, roofs),
    };
  });
}

type Rated = Pick<
  KernelProfile,
  "elapsedMs" | "bytes" | "flops" | "gigabytesPerSecond" | "gigaflopsPerSecond" | "shareOfRoof"
>;
type Rates = Pick<KernelProfile, "gigabytesPerSecond" | "gigaflopsPerSecond" | "shareOfRoof" | "boundBy">;

function rates(bytes: number, flops: number, elapsedMs: number, roofs: Roofs | undefined): Rates {
  const rate = (amount: number): number => (elapsedMs > 0 ? amount / elapsedMs / 1e6 : 0);
  const [gigabytesPerSecond, gigaflopsPerSecond] = [rate(bytes), rate(flops)];
  const memory = roofs ? gigabytesPerSecond / bandwidthOf(roofs) : Number.NaN;
  const arithmetic = roofs ? gigaflopsPerSecond / roofs.gigaflopsPerSecond : Number.NaN;
  const boundBy = arithmetic > memory ? "arithmetic" : "memory";
  return { gigabytesPerSecond, gigaflopsPerSecond, shareOfRoof: Math.max(memory, arithmetic), boundBy };
}

const bandwidthOf = (roofs: Roofs): number => Math.max(roofs.readGigabytesPerSecond, roofs.copyGigabytesPerSecond);
const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(0)}%`);
