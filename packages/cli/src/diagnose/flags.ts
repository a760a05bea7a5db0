/** Flags of `diagnose`: tokens to run on, a run to hold the model's against, and where results go. */
import { accessSync, constants, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  encodePrompt,
  encodeRuns,
  type LanguageModel,
  type ObservedRun,
  observeGolden,
  observeRun,
  pairOf,
  type RunPair,
} from "@jaxscale/models";
import { type Command, InvalidArgumentError, Option } from "commander";
import { integer, integers } from "../flags.ts";
import { openGolden } from "../golden.ts";
import { loadModel } from "../load-model.ts";
import type { CheckFlags } from "../model-flags.ts";

export interface PromptFlags extends CheckFlags {
  readonly prompt: string;
  readonly raw?: boolean;
  readonly ids?: readonly number[];
}

export interface AgainstFlags extends PromptFlags {
  readonly golden?: string;
  readonly against_dtype?: "float32" | "bfloat16";
  readonly against_tp?: number;
  readonly against_dp?: number;
  readonly against_ep?: number;
  readonly dump?: string;
}

/** `--dump`. */
export const addDump = (command: Command, what: string): Command =>
  command.option("--dump <file>", `write ${what} as safetensors`, (path) => {
    if (!path.endsWith(".safetensors")) throw new InvalidArgumentError("It must end in .safetensors.");
    try {
      // Before the work whose results it takes.
      accessSync(dirname(resolve(path)), constants.W_OK);
    } catch {
      throw new InvalidArgumentError("Its folder must exist and be writable.");
    }
    return path;
  });

/** Flags of a run, and of what it is held against. */
export function addAgainstFlags(command: Command): Command {
  command
    .option("--prompt <text>", "prompt, in the checkpoint's chat format if it has one", "Hello, how are you?")
    .option("--raw", "take the prompt as it is, without the chat format")
    .addOption(
      new Option("--ids <n...>", "token ids in place of a prompt, with spaces or commas between")
        .argParser(integers(0))
        .conflicts(["prompt", "raw"]),
    )
    .addOption(
      new Option("--golden <file>", "hold the run against golden tensors, and take its tokens from there").conflicts([
        ...["prompt", "raw", "ids"],
        ...["against_dtype", "against_tp", "against_dp", "against_ep"],
      ]),
    )
    .addOption(
      new Option("--against_dtype <dtype>", "hold the run against one in this dtype").choices(["bfloat16", "float32"]),
    )
    .option("--against_tp <n>", "hold the run against one on this mesh", integer(1))
    .option("--against_dp <n>", "the same", integer(1))
    .option("--against_ep <n>", "the same", integer(1));
  return addDump(command, "the tensors of all runs, {case}.{f32|bf16}.{tensor},");
}

/** Whether another run is asked for. */
export const hasAgainst = (flags: AgainstFlags): boolean =>
  [flags.against_dtype, flags.against_tp, flags.against_dp, flags.against_ep].some((flag) => flag !== undefined);

/** Runs the model once. @returns the pairs that the flags ask for, with a `use` of the loaded model before it is disposed of */
export async function runPairs(
  flags: AgainstFlags,
  wanted: (name: string) => boolean,
  use: (model: LanguageModel) => Promise<void> | void = () => {},
): Promise<RunPair[]> {
  if (flags.golden !== undefined) {
    const golden = await openGolden(flags.golden);
    try {
      return await withModel(flags, async (model) => {
        await use(model);
        return observeGolden(model.model, golden, wanted);
      });
    } finally {
      await golden.close();
    }
  }
  const run = await observed(flags, wanted, use);
  const { against_dtype: dtype, against_tp, against_dp, against_ep } = flags;
  const mesh = { tp: against_tp ?? 1, dp: against_dp ?? 1, ep: against_ep ?? 1 };
  const isSameMesh = against_tp === undefined && against_dp === undefined && against_ep === undefined;
  const otherFlags = { ...flags, dtype: dtype ?? flags.dtype, ...(isSameMesh ? {} : mesh) };
  return [pairOf("prompt", run, await observed(otherFlags, wanted))];
}

/** One run of the model on the prompt. */
export const observed = (
  flags: PromptFlags,
  wanted: (name: string) => boolean,
  use: (model: LanguageModel) => Promise<void> | void = () => {},
): Promise<ObservedRun> =>
  withModel(flags, async (model) => {
    await use(model);
    return observeRun(model.model, [await promptIds(model, flags)], wanted);
  });

/** Loads a model and disposes of it behind its use. */
export async function withModel<T>(flags: CheckFlags, use: (model: LanguageModel) => Promise<T>): Promise<T> {
  const model = await loadModel(flags);
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

async function promptIds(model: LanguageModel, { ids, prompt, raw }: PromptFlags): Promise<readonly number[]> {
  if (ids) return ids;
  const tokenizer = await model.tokenizer();
  const chat = !raw && tokenizer.hasChatTemplate;
  return encodePrompt(tokenizer, chat ? [{ role: "user", content: prompt }] : prompt);
}

/** Writes both runs of all pairs; the other run of the same dtype is a case of its own. Golden tensors are in a file already. */
export async function dumpPairs({ dump, golden }: AgainstFlags, pairs: readonly RunPair[]): Promise<void> {
  if (dump === undefined) return;
  const runs = pairs.flatMap(({ name, run, other }) => [
    { name, run },
    ...(golden === undefined ? [{ name: other.dtype === run.dtype ? `${name}_against` : name, run: other }] : []),
  ]);
  writeFileSync(dump, await encodeRuns(runs));
}

/** What a run is held against, in words. */
export function againstText(flags: AgainstFlags): string {
  if (flags.golden !== undefined) return `${flags.golden} (float32)`;
  const { tp, dp, ep, against_tp = 1, against_dp = 1, against_ep = 1 } = flags;
  const mesh = flags.against_tp ?? flags.against_dp ?? flags.against_ep;
  const text = (t: number, d: number, e: number): string => `tp ${t}, dp ${d}, ep ${e}`;
  return `${flags.against_dtype ?? flags.dtype} on ${mesh === undefined ? text(tp, dp, ep) : text(against_tp, against_dp, against_ep)}`;
}
