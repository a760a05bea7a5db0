/** `jaxscale kernels`: the kernels of a model on GPUs that are not there. */
import { generationPrograms, openCheckpoint } from "@jaxscale/models";
import { type Command, Option } from "commander";
import { type DType, type GpuAnalysis, type ModelledGpuName, modelledGpus } from "jaxscale";
import { integer } from "../flags.ts";

interface KernelsFlags {
  readonly model_path: string;
  readonly gpu: readonly ModelledGpuName[];
  readonly dtype?: DType;
  readonly prompt_tokens: number;
  readonly max_new_tokens: number;
  readonly batch: number;
  readonly json?: boolean;
}

export function addKernels(program: Command): void {
  program
    .command("kernels")
    .description("what each kernel of a model would ask of a GPU, by a model of the GPU; needs no GPU and no weights")
    .requiredOption("--model_path <path>", "folder with a config.json, or hub id: org/name or org/name@revision")
    .addOption(new Option("--gpu <names...>", "GPUs to model").choices(Object.keys(modelledGpus)).default(["rtx4090"]))
    .addOption(
      new Option("--dtype <dtype>", "dtype of weights (default: the checkpoint's)").choices(["bfloat16", "float32"]),
    )
    .option("--prompt_tokens <n>", "tokens of the prompt", integer(1), 512)
    .option("--max_new_tokens <n>", "tokens to make room for", integer(1), 512)
    .option("--batch <n>", "rows", integer(1), 1)
    .option("--json", "print JSON")
    .addHelpText("after", "\nNothing is measured. docs/kernels-on-a-gpu.md says what each column means.")
    .action(run);
}

async function run(flags: KernelsFlags): Promise<void> {
  const checkpoint = await openCheckpoint(flags.model_path, { withoutWeights: true });
  const { config, generation } = checkpoint;
  const dtype = flags.dtype ?? config.dtype ?? "float32";
  const { prompt_tokens: promptTokens, max_new_tokens: maxNewTokens, batch } = flags;
  const options = { maxNewTokens };
  const matrices = await checkpoint.matrices();
  const planned = { config, generation, dtype, options, batch, promptTokens, maxNewTokens, matrices };
  const programs = generationPrograms(planned);
  const analyses = flags.gpu.flatMap((gpu) =>
    programs.map((lowered) => ({ gpu, program: lowered.name, analysis: lowered.analyze(gpu) })),
  );
  if (flags.json) {
    console.log(
      JSON.stringify({ modelType: config.modelType, dtype, ...flags, programs: analyses.map(plain) }, null, 1),
    );
    return;
  }
  for (const { program, analysis } of analyses) console.log(`${program}\n${analysis.table()}\n`);
}

/** Without the kernels' code. */
const plain = ({ gpu, program, analysis }: { gpu: string; program: string; analysis: GpuAnalysis }) => ({
  gpu,
  program,
  predictedSeconds: analysis.predictedSeconds,
  kernels: analysis.kernels.map(({ kernel: _, origin, ...figures }) => ({
    ...figures,
    scope: origin.scope,
    operations: origin.operations,
  })),
});
