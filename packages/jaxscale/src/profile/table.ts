/** A profile as text for the terminal. */
import { align } from "../base/pretty.ts";
import type { Roofs } from "../runtime/index.ts";
import { bandwidthOf, type KernelProfile, type Rates, rates, shortSite } from "./kernel-rows.ts";
import type { HostTotal } from "./recording.ts";

type Rated = Rates & Pick<KernelProfile, "elapsedMs" | "bytes" | "flops">;

/** Options of `table`. */
export interface TableOptions {
  /** Lines for so many kernels, those that took most time; one for all others. */
  readonly top?: number;
}

const counted = ["count", "ms", "time", "mean", "MB", "MFLOP", "GB/s", "GFLOP/s", "of roof"];
const headings = ["kernel", "scope", ...counted, "bound by", "program", "at"];

/** Aligned columns, a line a kernel, a line of totals; then the roofs. @param kernels most time first */
export function kernelTable(
  kernels: readonly KernelProfile[],
  roofs: Roofs | undefined,
  { top = kernels.length }: TableOptions,
): string {
  const elapsedMs = kernels.reduce((ms, k) => ms + k.elapsedMs, 0);
  const row = (name: string, scope: string, calls: number, k: Rated, rest: readonly string[]): string[] => [
    name,
    scope,
    `${calls}`,
    k.elapsedMs.toFixed(3),
    percent(elapsedMs === 0 ? 0 : k.elapsedMs / elapsedMs),
    (calls === 0 ? 0 : k.elapsedMs / calls).toFixed(3),
    (k.bytes / 1e6).toFixed(2),
    (k.flops / 1e6).toFixed(2),
    k.gigabytesPerSecond.toFixed(2),
    k.gigaflopsPerSecond.toFixed(2),
    percent(k.shareOfRoof),
    ...rest,
  ];
  const together = (name: string, all: readonly KernelProfile[]): string[] => {
    const sum = (of: (k: KernelProfile) => number): number => all.reduce((n, k) => n + of(k), 0);
    const work = { elapsedMs: sum((k) => k.elapsedMs), bytes: sum((k) => k.bytes), flops: sum((k) => k.flops) };
    const rated = { ...rates(work.bytes, work.flops, work.elapsedMs, roofs), ...work };
    return row(
      name,
      "",
      sum((k) => k.count),
      rated,
      ["", "", ""],
    );
  };
  const [shown, others] = [kernels.slice(0, top), kernels.slice(top)];
  const rows = [
    headings,
    ...shown.map((k) => row(k.name, k.scope, k.count, k, [roofs ? k.boundBy : "", k.program, shortSite(k.site)])),
    ...(others.length > 0 ? [together(`${others.length} others`, others)] : []),
    together("total", kernels),
  ];
  const lines = align(rows, (column) => counted.includes(headings[column]));
  if (!roofs) return lines;
  return `${lines}\nroofs: ${bandwidthOf(roofs).toFixed(1)} GB/s, ${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s`;
}

/** A line a phase of the host. */
export function hostTable(totals: readonly HostTotal[]): string {
  const phases = [...new Set(totals.map(({ phase }) => phase))];
  const rows = phases.map((phase) => {
    const all = totals.filter((total) => total.phase === phase);
    const sum = (of: (total: HostTotal) => number): number => all.reduce((n, total) => n + of(total), 0);
    const bytes = sum((t) => t.bytes);
    return [
      phase,
      `${sum((t) => t.count)}`,
      sum((t) => t.elapsedMs).toFixed(3),
      bytes > 0 ? (bytes / 1e6).toFixed(2) : "",
    ];
  });
  return align([["host", "count", "ms", "MB"], ...rows], (column) => column > 0);
}

const percent = (share: number): string => (Number.isNaN(share) ? "-" : `${(100 * share).toFixed(0)}%`);
