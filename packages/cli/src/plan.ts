/** `--plan`: the memory that a generation would take on the adapter, without loading weights. */
import {
  encodePrompt,
  fittingParallelism,
  formatBytes,
  type GenerateOptions,
  type MemoryPlan,
  type MemoryUse,
  openCheckpoint,
  type Prompt,
  planMemory,
} from "@jaxscale/models";
import { devices } from "jaxscale";
import { ProgressBar, provideDevices } from "./load-model.ts";
import { type ModelFlags, quantizeOf } from "./model-flags.ts";

// One full chunk of a long prompt, which has the largest temporaries.
const assumedPromptTokens = 512;

export interface PlanRequest {
  readonly flags: ModelFlags;
  readonly options: GenerateOptions & { readonly maxNewTokens: number };
  /** The prompt whose tokens are counted; one full chunk if absent. */
  readonly promptOf?: (tokenizer: { readonly hasChatTemplate: boolean }) => Prompt;
}

/** Prints the plan. @returns whether it fits */
export async function printPlan({ flags, options, promptOf }: PlanRequest): Promise<boolean> {
  const bar = new ProgressBar();
  const checkpoint = await openCheckpoint(flags.model_path, { onProgress: bar.show, withoutWeights: true });
  bar.end();
  const { config, generation } = checkpoint;
  let promptTokens = assumedPromptTokens;
  if (promptOf) {
    const tokenizer = await checkpoint.tokenizer();
    promptTokens = encodePrompt(tokenizer, promptOf(tokenizer)).length;
  }
  const dtype = flags.dtype ?? config.dtype ?? "float32";
  const { tp, dp, ep } = flags;
  const parallelism = { tp, dp, ep };
  provideDevices(parallelism);
  const [{ name, target, memoryBudgetBytes }] = await devices();
  const planned = {
    config,
    generation,
    dtype,
    options,
    promptTokens,
    maxNewTokens: options.maxNewTokens,
    parallelism,
    quantize: quantizeOf(flags),
    matrices: await checkpoint.matrices(),
    kvDtype: flags.kv_dtype,
  };
  const plan = planMemory(planned, target);
  console.log(`${config.modelType}, ${dtype}, prompt of ${promptTokens} tokens and ${options.maxNewTokens} new ones`);
  console.log(planText(plan));
  if (plan.mesh) console.log(`each of ${plan.mesh.mesh}\n${deviceText(plan.device)}`);
  const fits = plan.totalBytes <= memoryBudgetBytes;
  const gap = formatBytes(Math.abs(memoryBudgetBytes - plan.totalBytes));
  console.log(`adapter      ${formatBytes(memoryBudgetBytes)} on ${name}`);
  console.log(fits ? `It fits: ${gap} stay free.` : `It does not fit: ${gap} are missing.`);
  const fitting = fits || plan.mesh ? undefined : fittingParallelism(planned, plan, memoryBudgetBytes);
  if (fitting) {
    const ways = Object.entries(fitting.parallelism).filter(([, count]) => count > 1);
    const needed = formatBytes(fitting.device.totalBytes);
    console.log(
      `On several such adapters it fits with ${ways.map(([way, n]) => `--${way} ${n}`).join(" ")}: ${needed} each.`,
    );
  }
  return fits;
}

type Row = readonly [name: string, bytes: number, remark: string];

function planText({ parameters, capacity, ...use }: MemoryPlan): string {
  return tableOf([
    ["weights", use.weightBytes, `${parameters.toLocaleString("en-US")} parameters`],
    ["cache", use.cacheBytes, `room for ${capacity} tokens`],
    ["temporaries", use.temporaryBytes, "of all programs"],
    ["together", use.totalBytes, ""],
  ]);
}

const deviceText = ({ weightBytes, cacheBytes, temporaryBytes, totalBytes }: MemoryUse): string =>
  tableOf([
    ["weights", weightBytes, ""],
    ["cache", cacheBytes, ""],
    ["temporaries", temporaryBytes, ""],
    ["a device", totalBytes, ""],
  ]);

const tableOf = (rows: readonly Row[]): string =>
  rows
    .map(([name, bytes, remark]) =>
      `${name.padEnd(12)} ${Math.round(bytes).toLocaleString("en-US").padStart(14)} B  ${formatBytes(bytes).padStart(8)}  ${remark}`.trimEnd(),
    )
    .join("\n");
