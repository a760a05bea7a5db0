/** Flags of the commands that run a model, and what they mean to the library. */
import type { GenerateOptions } from "@jaxscale/models";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { DType } from "jaxscale";
import { integer, numberIn } from "./flags.ts";

export interface ModelFlags {
  readonly model_path: string;
  readonly dtype?: DType;
}

/** Of commands that hold a model against something. */
export interface CheckFlags extends ModelFlags {
  readonly dtype: "float32" | "bfloat16";
  readonly json?: boolean;
}

const addModelPath = (command: Command): Command =>
  command.requiredOption("--model_path <path>", "folder of a checkpoint, or hub id: org/name or org/name@revision");
const dtypeOption = (description: string): Option =>
  new Option("--dtype <dtype>", description).choices(["bfloat16", "float32"]);

/** `--model_path`, `--dtype` (float32 unless given) and `--json`. */
export const addCheckFlags = (command: Command): Command =>
  addModelPath(command).addOption(dtypeOption("to compute in").default("float32")).option("--json", "print JSON");

/** `--model_path`, `--dtype`, and the three kinds of parallelism, of which there is one device each. */
export function addModelFlags(command: Command): Command {
  addModelPath(command).addOption(dtypeOption("of weights, activations and caches; as the checkpoint says if absent"));
  for (const [flag, what] of [
    ["tp", "tensor"],
    ["dp", "data"],
    ["ep", "expert"],
  ] as const)
    command.option(`--${flag} <n>`, `${what} parallelism; 1, until models can be sharded`, oneDevice, 1);
  return command;
}

function oneDevice(text: string): number {
  const value = integer(1)(text);
  if (value > 1) throw new InvalidArgumentError("It must be 1: a model runs on one device until it can be sharded.");
  return value;
}

export interface SamplingFlags {
  readonly max_new_tokens: number;
  readonly sample?: boolean;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly repetition_penalty?: number;
  readonly seed: number;
}

/** What holds under `--sample` where the flag is not given. */
const sampled = { temperature: 0.8, top_p: 0.8, top_k: 0, repetition_penalty: 1.1 } as const;
type SamplingFlag = keyof typeof sampled;

export function addSamplingFlags(command: Command, { maxNewTokens }: { readonly maxNewTokens: number }): Command {
  return command
    .option("--max_new_tokens <n>", "tokens of an answer at most", integer(1), maxNewTokens)
    .option("--sample", "draw tokens; without it the likeliest is taken, and the next four flags mean nothing")
    .option("--temperature <x>", `(under --sample: ${sampled.temperature})`, numberIn({ above: 0 }))
    .option("--top_p <x>", `(under --sample: ${sampled.top_p})`, numberIn({ min: 0, max: 1 }))
    .option("--top_k <n>", `0 is all tokens (under --sample: ${sampled.top_k})`, integer(0))
    .option("--repetition_penalty <x>", `(under --sample: ${sampled.repetition_penalty})`, numberIn({ above: 0 }))
    .option("--seed <n>", "of the tokens that are drawn", integer(0), 0);
}

/** Nothing is left to `generation_config.json`, and greedy answers know no penalty. */
export function samplingOf(flags: SamplingFlags): GenerateOptions & { readonly maxNewTokens: number } {
  const common = { maxNewTokens: flags.max_new_tokens, seed: flags.seed };
  if (!flags.sample) {
    const given = (Object.keys(sampled) as SamplingFlag[]).filter((name) => flags[name] !== undefined);
    if (given.length > 0) console.error(`${given.map((name) => `--${name}`).join(", ")}: no effect without --sample`);
    return { ...common, doSample: false, repetitionPenalty: 1 };
  }
  return {
    ...common,
    doSample: true,
    temperature: flags.temperature ?? sampled.temperature,
    topP: flags.top_p ?? sampled.top_p,
    topK: flags.top_k ?? sampled.top_k,
    repetitionPenalty: flags.repetition_penalty ?? sampled.repetition_penalty,
  };
}
