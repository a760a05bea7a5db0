/** `--plan`: the memory that a generation would take on the adapter, without loading weights. */
import {
  encodePrompt,
  formatBytes,
  type GenerateOptions,
  type MemoryPlan,
  openCheckpoint,
  type Prompt,
  planMemory,
} from "@jaxscale/models";
import { devices } from "jaxscale";
import { ProgressBar } from "./load-model.ts";
import type { ModelFlags } from "./model-flags.ts";

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
  const [{ name, target, memoryBudgetBytes }] = await devices();
  const plan = planMemory(
    { config, generation, dtype, options, promptTokens, maxNewTokens: options.maxNewTokens },
    target,
  );
  console.log(`${config.modelType}, ${dtype}, prompt of ${promptTokens} tokens and ${options.maxNewTokens} new ones`);
  console.log(planText(plan));
  const fits = plan.totalBytes <= memoryBudgetBytes;
  const gap = formatBytes(Math.abs(memoryBudgetBytes - plan.totalBytes));
  console.log(`adapter      ${formatBytes(memoryBudgetBytes)} on ${name}`);
  console.log(fits ? `It fits: ${gap} stay free.` : `It does not fit: ${gap} are missing.`);
  return fits;
}

function planText({ parameters, capacity, weightBytes, cacheBytes, temporaryBytes, totalBytes }: MemoryPlan): string {
  const rows: readonly (readonly [name: string, bytes: number, remark: string])[] = [
    ["weights", weightBytes, `${parameters.toLocaleString("en-US")} parameters`],
    ["cache", cacheBytes, `room for ${capacity} tokens`],
    ["temporaries", temporaryBytes, "of all programs"],
    ["together", totalBytes, ""],
  ];
  return rows
    .map(([name, bytes, remark]) =>
      `${name.padEnd(12)} ${bytes.toLocaleString("en-US").padStart(14)} B  ${formatBytes(bytes).padStart(8)}  ${remark}`.trimEnd(),
    )
    .join("\n");
}
