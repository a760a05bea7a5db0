/** The analysis of a program as a table: a line a kernel, those that take longest first. */
import { align } from "../base/pretty.ts";
import type { KernelAnalysis } from "./analyze-program.ts";
import type { ModelledGpu } from "./gpus.ts";

export function printAnalysis(kernels: readonly KernelAnalysis[], gpu: ModelledGpu): string {
  const total = (k: KernelAnalysis): number => k.count * k.predictedSeconds;
  const sum = kernels.reduce((seconds, k) => seconds + total(k), 0);
  const count = kernels.reduce((n, k) => n + k.count, 0);
  const rows = [...kernels]
    .sort((a, b) => total(b) - total(a))
    .map((k) => [
      k.name,
      k.origin.scope,
      `${k.count}`,
      (total(k) * 1e6).toFixed(1),
      sum === 0 ? "-" : `${((100 * total(k)) / sum).toFixed(1)} %`,
      k.boundBy,
      k.sectorsOverLeast.toFixed(2),
      k.bankConflicts === 0 ? "-" : k.bankConflicts.toFixed(2),
      `${(100 * k.divergence).toFixed(0)} %`,
      `${k.registers}`,
      `${(100 * k.occupancy).toFixed(0)} %`,
      k.fill.toFixed(2),
      k.bytesNeeded === 0 ? "-" : (k.bytesIssued / k.bytesNeeded).toFixed(2),
      k.intensity.toFixed(2),
    ]);
  const head = [
    ["kernel", "scope", "count", "µs", "share", "bound by", "sectors", "banks", "idle", "registers"],
    ["occupancy", "fill", "issued", "flop/B"],
  ].flat();
  const numbers = (column: number): boolean => column > 1 && column !== 5;
  return [
    align([head, ...rows], numbers),
    "",
    `A model of ${gpu.name}, not a measurement: ${(sum * 1e6).toFixed(1)} µs in ${count} dispatch${count === 1 ? "" : "es"}.`,
    ...(gpu.guessed.length > 0 ? [`Guessed, for no source was found: ${gpu.guessed.join(", ")}.`] : []),
  ].join("\n");
}
