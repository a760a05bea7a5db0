/** Flags of the commands that run a model, and the library's options for them. */
import { type GenerateOptions, parseScheme, type QuantizationScheme, type QuantizeOptions } from "@jaxscale/models";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { DType } from "jaxscale";
import { integer, numberIn } from "./flags.ts";

export interface ModelFlags extends ParallelFlags, QuantizeFlags {
  readonly model_path: string;
  readonly dtype?: DType;
}

/** What is quantized while a model is loaded. */
export interface QuantizeFlags {
  readonly quantize?: QuantizationScheme;
  readonly quantize_experts?: QuantizationScheme;
  /** True: as other weights. */
  readonly quantize_head?: QuantizationScheme | true;
  readonly kv_dtype?: DType;
}

/** The library's options for the flags. @throws RangeError if `--quantize_head` says no scheme, and `--quantize` neither */
export function quantizeOf({ quantize, quantize_experts, quantize_head }: QuantizeFlags): QuantizeOptions {
  if (quantize_head === true && !quantize)
    throw new RangeError("--quantize_head: a scheme must follow it or --quantize; got none");
  return { weights: quantize, experts: quantize_experts, head: quantize_head === true ? quantize : quantize_head };
}

/** Over how many devices a model is split: by tensor, data and expert parallelism. */
export interface ParallelFlags {
  readonly tp: number;
  readonly dp: number;
  readonly ep: number;
}

/** Flags of commands that compare a model with a reference. */
export interface CheckFlags extends ModelFlags {
  readonly dtype: "float32" | "bfloat16";
  readonly json?: boolean;
}

const modelPath = "folder of a checkpoint, or hub id: org/name or org/name@revision";
export const addModelPath = (command: Command): Command => command.requiredOption("--model_path <path>", modelPath);
const dtypeOption = (description: string): Option =>
  new Option("--dtype <dtype>", description).choices(["bfloat16", "float32"]);

const scheme = (text: string): QuantizationScheme => {
  try {
    return parseScheme(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
};

/** `--quantize` and its companions, and `--kv_dtype`. */
const addStorageFlags = (command: Command): Command =>
  addQuantizeFlags(command).addOption(
    new Option(
      "--kv_dtype <dtype>",
      "dtype of the caches; int8 has a scale a token and head (default: as --dtype)",
    ).choices(["int8", "bfloat16", "float32"]),
  );

/** `--quantize`, `--quantize_experts` and `--quantize_head`. */
export const addQuantizeFlags = (command: Command): Command =>
  command
    .option("--quantize <scheme>", "quantize weights while loading: int8, or int4[:group][:sym|asym]", scheme)
    .option("--quantize_experts <scheme>", "the same of stacked experts (default: as --quantize)", scheme)
    .option("--quantize_head [scheme]", "also quantize the embedding and the head (default: as --quantize)", scheme);

/** `--tp`, `--dp`, `--ep`. */
const addParallelFlags = (command: Command): Command =>
  command
    .option("--tp <n>", "tensor parallelism: devices that share heads, hidden units and the vocabulary", integer(1), 1)
    .option("--dp <n>", "data parallelism: devices that share the rows of a batch", integer(1), 1)
    .option("--ep <n>", "expert parallelism: devices that share the experts", integer(1), 1);

/** `--model_path`, `--dtype` (float32 unless given), `--tp`, `--dp`, `--ep` and `--json`. */
export function addCheckFlags(command: Command): Command {
  addModelPath(command).addOption(dtypeOption("dtype to compute in").default("float32"));
  return addStorageFlags(addParallelFlags(command)).option("--json", "print JSON");
}

/** `--model_path`, `--dtype`, `--tp`, `--dp` and `--ep`. */
export const addModelFlags = (command: Command): Command => addRunFlags(addModelPath(command));

/** Flags of commands that measure: a checkpoint, or a config with random weights. */
export interface MeasuredFlags extends Omit<ModelFlags, "model_path"> {
  readonly model_path?: string;
  readonly random_weights?: string;
}

/** The same with `--random_weights` in place of `--model_path`. */
export const addMeasuredFlags = (command: Command): Command =>
  addRunFlags(
    command
      .option("--model_path <path>", modelPath)
      .addOption(
        new Option("--random_weights <config>", "folder or hub id with a config.json; weights are random").conflicts(
          "model_path",
        ),
      ),
  );

/** The folder or hub id that was given, or an error of the command line. */
export function measuredFrom({ model_path, random_weights }: MeasuredFlags, command: Command): string {
  const from = random_weights ?? model_path;
  if (from === undefined)
    command.error("error: required option '--model_path <path>' (or '--random_weights') not specified");
  return from;
}

const addRunFlags = (command: Command): Command =>
  addStorageFlags(
    addParallelFlags(
      command.addOption(dtypeOption("dtype of weights, activations and caches (default: the checkpoint's)")),
    ),
  );

export interface SamplingFlags {
  readonly max_new_tokens: number;
  readonly sample?: boolean;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly repetition_penalty?: number;
  readonly seed: number;
}

/** Defaults under `--sample`. */
const sampled = { temperature: 0.8, top_p: 0.8, top_k: 0, repetition_penalty: 1.1 } as const;
type SamplingFlag = keyof typeof sampled;

export function addSamplingFlags(command: Command, { maxNewTokens }: { readonly maxNewTokens: number }): Command {
  return command
    .option("--max_new_tokens <n>", "maximum number of tokens in an answer", integer(1), maxNewTokens)
    .option("--sample", "sample tokens; without it decoding is greedy, and the next four flags have no effect")
    .option("--temperature <x>", `of the softmax (with --sample: ${sampled.temperature})`, numberIn({ above: 0 }))
    .option(
      "--top_p <x>",
      `probability mass to sample from (with --sample: ${sampled.top_p})`,
      numberIn({ min: 0, max: 1 }),
    )
    .option("--top_k <n>", `likeliest tokens to sample from, 0 for all (with --sample: ${sampled.top_k})`, integer(0))
    .option(
      "--repetition_penalty <x>",
      `on tokens that are present already (with --sample: ${sampled.repetition_penalty})`,
      numberIn({ above: 0 }),
    )
    .option("--seed <n>", "of the random draws", integer(0), 0);
}

/** Ignores `generation_config.json`; greedy decoding applies no repetition penalty. */
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
