/** `jaxscale benchmark --ladder`: what each step of optimisation gives. */
import { writeFileSync } from "node:fs";
import { type LadderRung, measureLadder, type StepParts } from "@jaxscale/models";
import type { Command } from "commander";
import { type Environment, environmentOf } from "./benchmark-report.ts";
import type { BenchmarkFlags } from "./commands/benchmark.ts";
import { loadMeasured, provideDevices } from "./load-model.ts";
import { formatTable } from "./table.ts";

/** A ladder, and where it was measured. */
export interface LadderReport {
  readonly format: "jaxscale ladder 1";
  readonly model: string;
  readonly batch: number;
  readonly promptTokens: number;
  readonly decodeSteps: number;
  readonly environment: Environment;
  readonly rungs: readonly LadderRung[];
}

/** Measures it for one batch size and one prompt length, 1 and 128 unless they are given. */
export async function runLadder(flags: BenchmarkFlags, from: string, command: Command): Promise<void> {
  const { batch_sizes = [1], seq_lens = [128], decode_steps: decodeSteps, warmup, repeats } = flags;
  if (batch_sizes.length > 1 || seq_lens.length > 1)
    command.error(
      `error: --ladder takes one batch size and one prompt length; got ${batch_sizes.join(", ")} and ${seq_lens.join(", ")}`,
    );
  if (flags.sweep || flags.dp > 1 || flags.ep > 1 || flags.markdown !== undefined)
    command.error(
      "error: --ladder ends with --tp devices, 2 if absent; --sweep, --dp, --ep and --markdown are not for it",
    );
  const tp = Math.max(2, flags.tp);
  provideDevices({ tp, dp: 1, ep: 1 });
  const load = (p: { readonly tp?: number }) => loadMeasured({ ...flags, tp: p.tp ?? 1, dp: 1, ep: 1 }, from);
  const [batch, promptTokens] = [batch_sizes[0], seq_lens[0]];
  const rungs: LadderRung[] = [];
  for await (const rung of measureLadder({ batch, promptTokens, decodeSteps, warmup, repeats }, { load, tp })) {
    rungs.push(rung);
    console.error(`${rung.name}: ${"error" in rung ? rung.error : `${rung.tokensPerSecond.toFixed(1)} tokens/s`}`);
  }
  const environment = await environmentOf();
  const format = "jaxscale ladder 1";
  const report: LadderReport = { format, model: from, batch, promptTokens, decodeSteps, environment, rungs };
  const json = JSON.stringify(report, null, 1);
  if (flags.output !== undefined) writeFileSync(flags.output, `${json}\n`);
  console.log(flags.json ? json : ladderTable(report));
  if (rungs.every((rung) => "error" in rung)) process.exitCode = 1;
}

const heading = ["rung", "prefill ms", "decode ms", "tokens/s", "speed-up"];
const parts = ["host", "memory", "arithmetic", "below roofs"] as const satisfies readonly (keyof StepParts)[];

/** A line a rung; parts of a step in percent. */
export function ladderTable({ batch, promptTokens, decodeSteps, environment, rungs }: LadderReport): string {
  const rows = rungs.map((rung) => {
    if ("error" in rung) return [rung.name, ...new Array<string>(9).fill("-"), rung.error];
    const { prefillMs, decodeMs, tokensPerSecond, speedUp, binds, differsAfter } = rung;
    const all = parts.reduce((sum, part) => sum + rung.parts[part], 0);
    return [
      rung.name,
      prefillMs.p50.toFixed(2),
      decodeMs.p50.toFixed(2),
      tokensPerSecond.toFixed(1),
      speedUp.toFixed(2),
      ...parts.map((part) => ((100 * rung.parts[part]) / all).toFixed(0)),
      binds,
      differsAfter === undefined ? "" : `other tokens from step ${differsAfter + 1} on`,
    ];
  });
  return [
    `${batch === 1 ? "1 row" : `${batch} rows`}, ${promptTokens} tokens of prompt, ${decodeSteps} steps of decoding; medians`,
    formatTable([...heading, ...parts.map((part) => `${part} %`), "binds", ""], rows),
    "",
    "Speed-up is of decoding against the first rung. host: no kernel runs; memory, arithmetic: kernels at the adapter's roof; below roofs: what they take beyond it.",
    `${environment.adapter}; ${environment.processor}, ${environment.threads} threads; load ${environment.load.toFixed(1)}`,
  ].join("\n");
}
