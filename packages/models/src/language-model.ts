/** A checkpoint on the device, ready to generate. */
import * as jax from "jaxscale";
import type { ModelConfig } from "./config/config.ts";
import type { GenerationConfig } from "./config/generation.ts";
import type { CheckpointFiles } from "./files/byte-source.ts";
import { Chat, type ChatSettings } from "./generate/chat.ts";
import { Executables } from "./generate/executables.ts";
import { type GeneratedStep, type GenerateOptions, generate } from "./generate/generate.ts";
import { type GeneratedText, type GenerateTextOptions, generateText, type Prompt } from "./generate/generate-text.ts";
import type { Usage } from "./generate/usage.ts";
import { type WarmupOptions, warmup } from "./generate/warmup.ts";
import { CausalLM, parametersOf, setParameters } from "./model.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { modelMesh, type Parallelism } from "./parallel/parallelism.ts";
import type { QuantizeOptions } from "./quantize-model.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";
import type { LoadOptions } from "./weights/load.ts";

/** Options of `LanguageModel.load`. */
export interface LoadModelOptions extends LoadOptions {
  /** Dtype of weights, activations and caches; that of the checkpoint if absent. */
  readonly dtype?: jax.DType;
  /** Over how many devices the model is split; one if absent. */
  readonly parallelism?: Parallelism;
  /** What is quantized while loading; the checkpoint as it is if absent. Weights that it has in codes stay as they are. */
  readonly quantize?: QuantizeOptions;
  /** Dtype of the caches; that of activations if absent. int8 has a scale for each token and head. */
  readonly kvDtype?: jax.DType;
}

/**
 * A checkpoint on the device, ready to generate: its weights, the compiled programs of generation, and its tokenizer.
 * Weights take the bytes that `StepCost.weightBytes` counts; each generation and conversation has caches of its own.
 * Equations and layers are those of `transformers`; docs/models.md lists them.
 */
export class LanguageModel {
  readonly model: CausalLM;
  readonly generation: GenerationConfig;
  readonly executables: Executables;

  readonly #readTokenizer: () => Promise<Tokenizer>;
  #tokenizer: Promise<Tokenizer> | undefined;

  /** @param model with its parameters' values @param readTokenizer for text; without it the model accepts only tokens */
  constructor(model: CausalLM, generation: GenerationConfig, readTokenizer: () => Promise<Tokenizer> = noTokenizer) {
    this.#readTokenizer = readTokenizer;
    this.model = model;
    this.generation = generation;
    this.executables = new Executables(model);
  }

  /**
   * Loads a checkpoint to the device.
   * @param from a folder, a hub id `org/name[@revision]`, or files from elsewhere
   * @throws CheckpointError, after freeing the device memory; RangeError if `parallelism` does not divide the model
   */
  static async load(
    from: string | CheckpointFiles,
    { dtype, parallelism = {}, quantize, kvDtype, ...options }: LoadModelOptions = {},
  ): Promise<LanguageModel> {
    const checkpoint = await openCheckpoint(from, options);
    const { config, generation, load, tokenizer } = checkpoint;
    const model = new CausalLM(config, dtype ?? config.dtype ?? "float32", modelMesh(config, parallelism), kvDtype);
    await checkpoint.quantize(model, quantize);
    setParameters(model, await load(parametersOf(model), options));
    return new LanguageModel(model, generation, tokenizer);
  }

  get config(): ModelConfig {
    return this.model.config;
  }

  /** The tokenizer of the checkpoint, read at first use; a failed read is retried. @throws CheckpointError if it is missing or bad */
  tokenizer(): Promise<Tokenizer> {
    this.#tokenizer ??= this.#readTokenizer().catch((error: unknown) => {
      this.#tokenizer = undefined;
      throw error;
    });
    return this.#tokenizer;
  }

  /** Tokens for tokens. See `generate`. */
  generate(
    prompts: readonly (readonly number[])[],
    options?: GenerateOptions,
  ): AsyncGenerator<GeneratedStep, Usage, undefined> {
    return generate(this, prompts, options);
  }

  /** Text for texts or conversations. See `generateText`. */
  async *generateText(
    prompts: readonly Prompt[],
    options?: GenerateTextOptions,
  ): AsyncGenerator<GeneratedText, Usage, undefined> {
    return yield* generateText(this, await this.tokenizer(), prompts, options);
  }

  /**
   * Compiles what generations of a size need, so that the first of them compiles nothing. It holds for prompts that are padded to the
   * same width, and for settings of the same kind. See `warmup`.
   */
  warmup(options: WarmupOptions): Promise<void> {
    return warmup(this, options);
  }

  /** A conversation that keeps its caches between turns. @throws CheckpointError without a tokenizer; RangeError for impossible settings */
  async chat(settings?: ChatSettings): Promise<Chat> {
    return new Chat(this, await this.tokenizer(), settings);
  }

  /** Frees the memory of the weights. */
  dispose(): void {
    for (const weight of this.executables.weights) weight.dispose();
    jax.trimMemory();
  }
}

function noTokenizer(): Promise<Tokenizer> {
  return Promise.reject(new jax.CheckpointError("tokenizer: the model must come from a checkpoint with one; got none"));
}
