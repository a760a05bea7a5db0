/** `--benchmark`: the speed of a generation, and its share of the adapter's measured peaks. */
import { type LanguageModel, StepCost, type Usage } from "@jaxscale/models";
import { examineDevice } from "jaxscale";

/** A line for prefill, one for decode, one for the peaks; of a batch of one. */
export async function benchmarkText(model: LanguageModel, usage: Usage, compileMs: number): Promise<string> {
  const { roofs } = await examineDevice();
  const cost = new StepCost(model.model);
  const { promptTokens, newTokens, timeToFirstTokenMs, decodeMs } = usage;
  const prefill = cost.prefill(promptTokens);
  // Prefill yields the first new token; each decode step reads the one before.
  const steps = Array.from({ length: newTokens - 1 }, (_, step) => cost.decode([promptTokens + step + 1]));
  const bytes = steps.reduce((sum, step) => sum + step.bytes, 0);
  const flops = steps.reduce((sum, step) => sum + step.flops, 0);
  const perSecond = (work: number, ms: number): number => (ms > 0 ? (1000 * work) / ms : 0);
  const mfu = (work: number, ms: number): string => percent(perSecond(work, ms), roofs.gigaflopsPerSecond * 1e9);
  const mbu = (gigabytesPerSecond: number): string => percent(perSecond(bytes, decodeMs), gigabytesPerSecond * 1e9);
  const rows: readonly (readonly [name: string, tokens: string, time: string, rate: string, use: string])[] = [
    [
      "prefill",
      count(promptTokens),
      `${timeToFirstTokenMs.toFixed(1)} ms`,
      `${usage.prefillTokensPerSecond.toFixed(1)} tokens/s`,
      `MFU ${mfu(prefill.flops, timeToFirstTokenMs)}`,
    ],
    [
      "decode",
      count(steps.length),
      `${decodeMs.toFixed(1)} ms`,
      `${usage.decodeTokensPerSecond.toFixed(1)} tokens/s`,
      `MFU ${mfu(flops, decodeMs)}, MBU ${mbu(roofs.readGigabytesPerSecond)}, ${mbu(roofs.bfloat16GigabytesPerSecond)} of the bfloat16 roof`,
    ],
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i].length)));
  return [
    ...rows.map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] ?? 0))).join("  "),
    ),
    `against ${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s and ${roofs.readGigabytesPerSecond.toFixed(1)} GB/s (bfloat16 weights ${roofs.bfloat16GigabytesPerSecond.toFixed(1)}), measured on this adapter; compilation before that took ${(compileMs / 1000).toFixed(1)} s`,
  ].join("\n");
}

const count = (tokens: number): string => `${tokens} ${tokens === 1 ? "token" : "tokens"}`;

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
