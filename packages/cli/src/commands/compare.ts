/** `jaxscale compare`: a checkpoint's activations against those of a reference. */
import { type CaseComparison, type Comparison, compareWithGolden, type TensorComparison } from "@jaxscale/models";
import type { Command } from "commander";
import { openGolden } from "../golden.ts";
import { loadModel } from "../load-model.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";

interface CompareOptions extends CheckFlags {
  readonly golden: string;
}

export function addCompare(program: Command): void {
  const command = program
    .command("compare")
    .description("run a checkpoint on golden inputs, and show where it first diverges from the golden tensors");
  addCheckFlags(command)
    .requiredOption(
      "--golden <file>",
      "safetensors with {case}.{f32|bf16}.{tensor}; a .json of the same name beside it is read too",
    )
    .addHelpText("after", "\nThe exit code is 1 if a tensor is over tolerance, or a float32 token differs.")
    .action(run);
}

async function run(options: CompareOptions): Promise<void> {
  const golden = await openGolden(options.golden);
  const model = await loadModel(options);
  const comparison = await compareWithGolden(model.model, golden);
  model.dispose();
  await golden.close();
  console.log(options.json ? JSON.stringify({ ...options, ...comparison }, null, 1) : report(comparison, options));
  if (!comparison.passed) process.exitCode = 1;
}

function report({ cases, firstDivergence, passed }: Comparison, { dtype }: CompareOptions): string {
  const lines = cases.flatMap((one) => [`${one.name} in ${dtype}`, tableOf(one), summaryOf(one), ""]);
  const where = firstDivergence && placeOf(firstDivergence.tensor);
  const verdict = firstDivergence
    ? `first divergence: ${where}, case ${firstDivergence.case}`
    : passed
      ? "all tensors within tolerance"
      : "all tensors within tolerance, and tokens differ";
  return [...lines, verdict].join("\n");
}

const placeOf = (tensor: string): string => {
  const layer = /^layers\.(\d+)\./.exec(tensor)?.[1];
  return layer === undefined ? tensor : `layer ${layer}, tensor ${tensor}`;
};

const tableOf = ({ tensors }: CaseComparison): string =>
  formatTable(
    ["tensor", "max abs", "÷ largest", "rms rel", "allowed max", "allowed rms", ""],
    tensors.map((tensor) => [
      tensor.name,
      scientific(tensor.maxAbs),
      scientific(tensor.maxAbs / tensor.largest),
      scientific(tensor.rmsRelative),
      scientific(tensor.allowed?.maxAbs),
      scientific(tensor.allowed?.rmsRelative),
      verdictOf(tensor),
    ]),
  );

function verdictOf({ passed, problem, allowed }: TensorComparison): string {
  if (problem !== undefined) return problem;
  return passed ? (allowed ? "ok" : "not judged") : "OVER";
}

function summaryOf({ agreement: { agreeing, total }, tokens, otherExperts }: CaseComparison): string {
  const left = otherExperts > 0 ? `; ${otherExperts} of ${tokens} tokens left out: near ties chose other experts` : "";
  return `${agreeing} of ${total} tokens agree${left}`;
}
