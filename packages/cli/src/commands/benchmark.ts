/** `jaxscale benchmark`: latency, throughput, MFU and MBU over batches, prompt lengths and meshes. */
import { writeFileSync } from "node:fs";
import { isDivisible, type LanguageModel, measureModel, openCheckpoint, type Parallelism } from "@jaxscale/models";
import type { Command } from "commander";
import { deviceCount, examineDevice, trimMemory } from "jaxscale";
import {
  type BenchmarkReport,
  type BenchmarkRow,
  compareDevices,
  environmentOf,
  reportFormat,
  tableOf,
} from "../benchmark-report.ts";
import { integer, integers } from "../flags.ts";
import { runLadder } from "../ladder.ts";
import { loadMeasured, provideDevices } from "../load-model.ts";
import { markdownTables } from "../markdown-tables.ts";
import { addMeasuredFlags, type MeasuredFlags, measuredFrom, type ParallelFlags } from "../model-flags.ts";
import { requireWritable } from "../output.ts";
import { addPeakFlags, type NamedPeaks, type PeakFlags, peaksOf } from "../peaks.ts";
import { addBenchmarkCompare } from "./benchmark-compare.ts";

export interface BenchmarkFlags extends MeasuredFlags, PeakFlags {
  readonly batch_sizes?: readonly number[];
  readonly seq_lens?: readonly number[];
  readonly decode_steps: number;
  readonly warmup: number;
  readonly repeats: number;
  readonly sweep?: boolean;
  readonly ladder?: boolean;
  readonly output?: string;
  readonly markdown?: string;
  readonly json?: boolean;
}

export function addBenchmark(program: Command): void {
  const command = program
    .command("benchmark")
    .description("times of prefill and decode over batch sizes, prompt lengths and meshes, with MFU and MBU");
  addMeasuredFlags(command)
    .option("--batch_sizes <n...>", "rows, with spaces or commas between (default: 1 2 4)", integers(1))
    .option(
      "--seq_lens <n...>",
      "tokens of each prompt, with spaces or commas between (default: 128 256 512)",
      integers(1),
    )
    .option("--decode_steps <n>", "measured steps of decoding", integer(1), 8)
    .option("--warmup <n>", "runs before the measured ones", integer(0), 2)
    .option("--repeats <n>", "measured runs", integer(1), 5)
    .option("--sweep", "every tp x dp x ep that divides the model, on the devices that there are")
    .option(
      "--ladder",
      "the same generation from operations one by one to compiled, tuned and split programs: tokens/s, and what binds",
    );
  addPeakFlags(command)
    .option("--output <file>", "write everything as JSON")
    .option("--markdown <file>", "write tables of batch size by prompt length")
    .option("--json", "print JSON instead of a table")
    .addHelpText(
      "after",
      "\ndocs/benchmarks.md defines MFU and MBU. A configuration that fails is a row with its error.",
    )
    .action(run);
  addBenchmarkCompare(command);
}

async function run(flags: BenchmarkFlags, command: Command): Promise<void> {
  const from = measuredFrom(flags, command);
  requireWritable(flags.output, "--output", command);
  requireWritable(flags.markdown, "--markdown", command);
  if (flags.ladder) return runLadder(flags, from, command);
  const { config } = await openCheckpoint(from, { withoutWeights: true });
  const wanted = flags.sweep ? sweepOf(flags, (p) => isDivisible(config, p)) : [flags];
  for (const parallelism of wanted) provideDevices(parallelism);
  const device = await examineDevice();
  const dtype = flags.dtype ?? config.dtype ?? "float32";
  const peaks = peaksOf(flags, device, dtype, command);
  const environment = await environmentOf();
  const rows: BenchmarkRow[] = [];
  const save = (): BenchmarkReport => {
    const report = { model: from, modelType: config.modelType, dtype, peaks, roofs: device.roofs, environment };
    const all = { format: reportFormat, ...report, rows: compareDevices(rows) } as const;
    if (flags.output !== undefined) writeFileSync(flags.output, `${JSON.stringify(all, null, 1)}\n`);
    return all;
  };
  for (const { tp, dp, ep } of wanted) {
    for await (const row of measureMesh({ ...flags, tp, dp, ep }, from, peaks)) {
      rows.push(row);
      save();
    }
  }
  const report = save();
  if (flags.markdown !== undefined) writeFileSync(flags.markdown, markdownTables(report));
  console.log(flags.json ? JSON.stringify(report, null, 1) : tableOf(report));
  if (rows.every((row) => "error" in row)) process.exitCode = 1;
}

/** Every split into powers of two that the devices and the model have room for; one device first. */
function sweepOf({ tp, dp, ep }: ParallelFlags, divides: (p: Parallelism) => boolean): Required<Parallelism>[] {
  const most = Math.max(deviceCount(), tp * dp * ep);
  const sizes = Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
  const all = sizes.flatMap((tp) => sizes.flatMap((dp) => sizes.map((ep) => ({ tp, dp, ep }))));
  return all
    .filter((p) => p.tp * p.dp * p.ep <= most && divides(p))
    .sort((a, b) => a.tp * a.dp * a.ep - b.tp * b.dp * b.ep);
}

/** Every batch size and prompt length on one mesh. */
async function* measureMesh(flags: BenchmarkFlags, from: string, peaks: NamedPeaks): AsyncGenerator<BenchmarkRow> {
  const { tp, dp, ep, batch_sizes = [1, 2, 4], seq_lens = [128, 256, 512] } = flags;
  const { decode_steps: decodeSteps, warmup, repeats } = flags;
  const cases = batch_sizes.flatMap((batch) => seq_lens.map((promptTokens) => ({ batch, promptTokens })));
  let model: LanguageModel | undefined;
  for (const sizes of cases) {
    const place = { tp, dp, ep, ...sizes };
    try {
      model ??= await loadMeasured(flags, from);
      yield { ...place, ...(await measureModel(model, { ...sizes, decodeSteps, warmup, repeats }, peaks)) };
    } catch (error) {
      trimMemory();
      yield { ...place, error: error instanceof Error ? error.message : String(error) };
    }
  }
  model?.dispose();
}
