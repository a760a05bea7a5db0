/** `jaxscale diagnose weights`: loaded parameters against the files, and the frequencies of rotary embeddings. */
import { writeFile } from "node:fs/promises";
import {
  type Checkpoint,
  diagnoseRope,
  diagnoseWeights,
  openCheckpoint,
  type ParameterDiagnosis,
  parameterPieces,
  type RopeDiagnosis,
  ropeFrequencies,
} from "@jaxscale/models";
import type { Command } from "commander";
import { openTensors } from "../golden.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";
import { addDump, withModel } from "./flags.ts";

interface WeightsFlags extends CheckFlags {
  readonly reference?: string;
  readonly golden?: string;
  readonly all?: boolean;
  readonly dump?: string;
}

export function addWeights(group: Command): void {
  const command = group
    .command("weights")
    .description(
      "loaded parameters equal those on disk, cast and stacked; rotary embeddings have the right frequencies",
    );
  addDump(addCheckFlags(command), "the parameters as the device has them")
    .option("--reference <path>", "checkpoint that the parameters should equal (default: the one that is loaded)")
    .option("--golden <file>", "golden tensors with inv_freq, the reference's inverse frequencies")
    .option("--all", "a row for every parameter, not only for those that differ")
    .addHelpText("after", "\nThe exit code is 1 if a parameter differs or is not finite, or a frequency differs.")
    .action(run);
}

async function run(flags: WeightsFlags): Promise<void> {
  const reference = await openCheckpoint(flags.reference ?? flags.model_path);
  const expected = await frequenciesOf(flags, reference);
  const { parameters, rope } = await withModel(flags, async (model) => {
    if (flags.dump !== undefined) await writeFile(flags.dump, parameterPieces(model.model));
    return {
      parameters: await diagnoseWeights(model.model, reference),
      rope: await diagnoseRope(model.model.rope, expected),
    };
  });
  const passed = rope.passed && parameters.every((parameter) => parameter.passed);
  if (flags.json) console.log(JSON.stringify({ ...flags, parameters, rope, passed }, null, 1));
  else console.log(`${report(parameters, flags)}\n\n${ropeText(rope)}\n\nverdict: ${passed ? "good" : "bad"}`);
  if (!passed) process.exitCode = 1;
}

/** Those of golden tensors, or of the reference's config. */
async function frequenciesOf({ golden }: WeightsFlags, { config }: Checkpoint): Promise<readonly number[]> {
  if (golden === undefined) return ropeFrequencies(config);
  const file = await openTensors(golden);
  try {
    return [...(await file.read("inv_freq")).values];
  } finally {
    await file.close();
  }
}

function report(
  parameters: readonly ParameterDiagnosis[],
  { all, dtype, reference, model_path }: WeightsFlags,
): string {
  const bad = parameters.filter(({ passed }) => !passed);
  const stacked = parameters.filter(({ tensors }) => tensors > 1).length;
  const shown = all ? parameters : bad;
  const heading = ["parameter", "shape", "mean", "std", "max abs", "differing", "off by", "cosine", ""];
  const equal = parameters.length - bad.length;
  return [
    ...(shown.length > 0 ? [formatTable(heading, shown.map(rowOf)), ""] : []),
    `${equal} of ${parameters.length} parameters in ${dtype} equal those in ${reference ?? model_path}${stacked > 0 ? `; ${stacked} are stacked from several tensors` : ""}`,
    ...(bad.length > 0 ? [`the first that differs: ${bad[0].name}`] : []),
  ].join("\n");
}

function rowOf(parameter: ParameterDiagnosis): string[] {
  const { name, shape, mean, std, largest, differing, maxAbs, cosine, notFinite, passed } = parameter;
  const size = shape.reduce((a, b) => a * b, 1);
  return [
    name,
    `[${shape.join()}]`,
    ...[mean, std, largest].map((x) => x.toPrecision(4)),
    differing === 0 ? "0" : `${differing} of ${size}`,
    scientific(maxAbs),
    cosine.toFixed(6),
    passed ? "" : notFinite > 0 ? `${notFinite} NOT FINITE` : "DIFFERS",
  ];
}

function ropeText(rope: RopeDiagnosis): string {
  const { theta, headDim, rotaryDim, inverseFrequencies: own, expected, relative, deviceError, passed } = rope;
  const text = (list: readonly number[]): string =>
    `${list.length} frequencies, ${list
      .slice(0, 4)
      .map((x) => x.toPrecision(6))
      .join(", ")}, …`;
  return [
    `rotary embedding: theta ${theta}, ${rotaryDim} of ${headDim} dimensions of a head`,
    `model     ${text(own)}`,
    `expected  ${text(expected)}`,
    `largest relative difference ${scientific(relative)}; the device's angles are off by ${scientific(deviceError)} rad at most: ${passed ? "ok" : "DIFFERS"}`,
  ].join("\n");
}
