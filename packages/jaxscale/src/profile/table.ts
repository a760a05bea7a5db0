/** A profile as text for the terminal. */
import { align } from "../base/pretty.ts";
import type { Roofs } from "../runtime/index.ts";
import { bandwidthOf, type KernelProfile, type Rates, rates, shortSite } from "./kernel-rows.ts";
import type { HostTotal } from "./recording.ts";

type Rated = Rates & Pick<KernelProfile, "elapsedMs" | "bytes" | "flops">;

/** Aligned columns, a line a kernel, a line of totals; then the roofs. */
export function kernelTable(kernels: readonly KernelProfile[], roofs: Roofs | undefined): string {
  const sum = (of: (k: KernelProfile) => number): number => kernels.reduce((n, k) => n + of(k), 0);
  const [elapsedMs, bytes, flops, count] = [
    sum((k) => k.elapsedMs),
    sum((k) => k.bytes),
    sum((k) => k.flops),
    sum((k) => k.count),
  ];
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
  const total = { ...rates(bytes, flops, elapsedMs, roofs), elapsedMs, bytes, flops };
  const rows = [
    [
      "kernel",
      "scope",
      "count",
      "ms",
      "time",
      "mean",
      "MB",
      "MFLOP",
      "GB/s",
      "GFLOP/s",
      "of roof",
      "bound by",
      "program",
      "at",
    ],
    ...kernels.map((k) => row(k.name, k.scope, k.count, k, [roofs ? k.boundBy : "", k.program, shortSite(k.site)])),
    row("total", "", count, total, ["", "", ""]),
  ];
  const lines = align(rows, (column) => column > 1 && column < 11);
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
