/** A checkpoint on the device, ready to generate. */
import type * as jax from "jaxscale";
import type { ModelConfig } from "./config/config.ts";
import type { GenerationConfig } from "./config/generation.ts";
import { Executables } from "./executables.ts";
import type { CheckpointFiles } from "./files/byte-source.ts";
import { type GeneratedStep, type GenerateOptions, generate, type Usage } from "./generate.ts";
import { CausalLM, parametersOf, setParameters } from "./model.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import type { LoadOptions } from "./weights/load.ts";

export interface LoadModelOptions extends LoadOptions {
  /** Of weights, activations and caches; as the checkpoint says if absent. */
  readonly dtype?: jax.DType;
}

export class LanguageModel {
  readonly model: CausalLM;
  readonly generation: GenerationConfig;
  readonly executables: Executables;

  /** @param model with its parameters' values */
  constructor(model: CausalLM, generation: GenerationConfig) {
    this.model = model;
    this.generation = generation;
    this.executables = new Executables(model);
  }

  /**
   * @param from a folder, a hub id `org/name[@revision]`, or files from elsewhere
   * @throws CheckpointError; nothing stays on the device then
   */
  static async load(
    from: string | CheckpointFiles,
    { dtype, ...options }: LoadModelOptions = {},
  ): Promise<LanguageModel> {
    const { config, generation, load } = await openCheckpoint(from, options);
    const model = new CausalLM(config, dtype ?? config.dtype ?? "float32");
    setParameters(model, await load(parametersOf(model), options));
    return new LanguageModel(model, generation);
  }

  get config(): ModelConfig {
    return this.model.config;
  }

  /** See `generate`. */
  generate(
    prompts: readonly (readonly number[])[],
    options?: GenerateOptions,
  ): AsyncGenerator<GeneratedStep, Usage, undefined> {
    return generate(this, prompts, options);
  }

  /** Gives the weights' memory back. */
  dispose(): void {
    for (const weight of this.executables.weights) weight.dispose();
  }
}
