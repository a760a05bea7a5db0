/** Opens a checkpoint by name. */

import type { Array as DeviceArray } from "jaxscale";
import { resolveCheckpoint } from "#files";
import { refused } from "./checkpoint-error.ts";
import { type ModelConfig, readConfig } from "./config/config.ts";
import { type GenerationConfig, readGenerationConfig } from "./config/generation.ts";
import type { CheckpointFiles } from "./files/byte-source.ts";
import type { CausalLM } from "./model.ts";
import { type QuantizeOptions, quantizeModel } from "./quantize-model.ts";
import { readTokenizer } from "./tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";
import { keyRules } from "./weights/key-rules.ts";
import { type LoadOptions, loadParameters } from "./weights/load.ts";
import { type LoadPlan, type PlannedLoad, planLoad } from "./weights/plan.ts";
import type { OnProgress } from "./weights/progress.ts";
import { Matrices } from "./weights/quantized/matrices.ts";
import { openWeights } from "./weights/weights.ts";

/** An open checkpoint: configs are read, weights are not. */
export interface Checkpoint {
  readonly files: CheckpointFiles;
  readonly config: ModelConfig;
  readonly generation: GenerationConfig;
  /** @throws CheckpointError if there is no tokenizer, or it has more tokens than the model */
  tokenizer(): Promise<Tokenizer>;
  /**
   * Gives a model quantized weights where the checkpoint has codes, or where weights are to be quantized while loading; reads headers only.
   * @throws CheckpointError, RangeError as `quantizeModel`
   */
  quantize(model: CausalLM, options?: QuantizeOptions): Promise<void>;
  /** What a quantized checkpoint has in codes; undefined of one that holds floats. Reads headers only. @throws CheckpointError without weights */
  matrices(): Promise<Pick<Matrices, "of"> | undefined>;
  /** Plans a load; reads headers only. @throws CheckpointError if the plan does not fit */
  plan(parameters: LoadPlan): Promise<PlannedLoad>;
  /** Parameters on the device, by the plan's names; see `loadParameters`. */
  load(parameters: LoadPlan, options?: LoadOptions): Promise<Record<string, DeviceArray>>;
}

/** Options of `openCheckpoint`. */
export interface OpenOptions {
  /** Aborts a download. */
  readonly signal?: AbortSignal;
  /** Progress of a download. */
  readonly onProgress?: OnProgress;
  /** Skips the download of weights, to read configs only. */
  readonly withoutWeights?: boolean;
}

/**
 * Finds a checkpoint, downloads it if need be, and reads its configs.
 * @param from a folder, a hub id `org/name[@revision]`, or files from elsewhere
 * @throws CheckpointError if there is no such checkpoint, or its configs are bad
 */
export async function openCheckpoint(from: string | CheckpointFiles, options: OpenOptions = {}): Promise<Checkpoint> {
  const files = typeof from === "string" ? await resolveCheckpoint(from, options) : from;
  const config = await readConfig(files);
  const generation = await readGenerationConfig(files, config);
  const rules = keyRules(config);
  return {
    files,
    config,
    generation,
    tokenizer: () => tokenizerFor(files, config),
    quantize: (model, quantize = {}) =>
      withWeights(files, async (weights) => {
        quantizeModel(model, quantize, new Matrices(weights, rules, config.quantization));
      }),
    matrices: async () =>
      config.quantization && withWeights(files, async (weights) => new Matrices(weights, rules, config.quantization)),
    plan: (parameters) => withWeights(files, async (weights) => planLoad(weights, parameters, rules)),
    load: (parameters, loading) =>
      withWeights(files, (weights) => loadParameters(weights, parameters, { ...rules, ...loading })),
  };
}

async function tokenizerFor(files: CheckpointFiles, { vocabSize }: ModelConfig): Promise<Tokenizer> {
  const tokenizer = await readTokenizer(files);
  if (tokenizer.size > vocabSize)
    throw refused(
      { file: "tokenizer.json" },
      `must have ids below the config's vocab_size ${vocabSize}`,
      `${tokenizer.size - 1}`,
    );
  return tokenizer;
}

async function withWeights<T>(
  files: CheckpointFiles,
  use: (weights: Awaited<ReturnType<typeof openWeights>>) => Promise<T>,
): Promise<T> {
  const weights = await openWeights(files);
  try {
    return await use(weights);
  } finally {
    await weights.close();
  }
}
