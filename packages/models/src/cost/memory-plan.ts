/** Estimates the device memory of a generation from its config. */
import * as jax from "jaxscale";
import type { ModelConfig } from "../config/config.ts";
import type { GenerationConfig } from "../config/generation.ts";
import { Executables } from "../generate/executables.ts";
import { choiceOf, type GenerateOptions } from "../generate/generate.ts";
import { kindOf, needsSeen } from "../generate/sampling.ts";
import { capacityFor, chunkWidths, roomFor } from "../generate/session.ts";
import { CausalLM, makeCaches } from "../model.ts";
import { cacheBytes, StepCost } from "./step-cost.ts";

/** Settings of the generation to estimate. */
export interface PlannedGeneration {
  readonly config: ModelConfig;
  readonly generation: GenerationConfig;
  readonly dtype: jax.DType;
  readonly options: GenerateOptions;
  /** Rows, 1 if absent. */
  readonly batch?: number;
  /** Tokens of the longest prompt. */
  readonly promptTokens: number;
  readonly maxNewTokens: number;
}

/** Memory of a generation; in bytes, except the first two fields. */
export interface MemoryPlan {
  readonly parameters: number;
  /** Capacity of the caches, in tokens per row. */
  readonly capacity: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  /** Total of all programs: each keeps its temporaries between calls. */
  readonly temporaryBytes: number;
  readonly totalBytes: number;
}

/** Traces and compiles the programs on the host, without loading weights or running. @throws RangeError for impossible settings */
export function planMemory(planned: PlannedGeneration, target: jax.Target): MemoryPlan {
  const { config, dtype, batch = 1, promptTokens, maxNewTokens } = planned;
  const model = new CausalLM(config, dtype);
  const capacity = capacityFor(roomFor({ start: 0, added: promptTokens, maxNewTokens }));
  const cost = new StepCost(model);
  const caches = cacheBytes(model, { batch, capacity });
  const temporaryBytes = programsOf(model, planned, capacity).reduce(
    (sum, program) => sum + ownBytes(program.program(target)),
    0,
  );
  return {
    parameters: cost.parameters,
    capacity,
    weightBytes: cost.weightBytes,
    cacheBytes: caches,
    temporaryBytes,
    totalBytes: cost.weightBytes + caches + temporaryBytes,
  };
}

/**
 * The programs that a generation runs, traced for its shapes without weights: `prefill` and `prefill_next` of a chunk of the prompt,
 * `head`, `decode`, and one that chooses tokens. @throws RangeError for impossible settings
 */
export function generationPrograms(planned: PlannedGeneration): readonly jax.Lowered[] {
  const { config, dtype, promptTokens, maxNewTokens } = planned;
  const capacity = capacityFor(roomFor({ start: 0, added: promptTokens, maxNewTokens }));
  return programsOf(new CausalLM(config, dtype), planned, capacity);
}

/** Temporaries and constants. */
const ownBytes = ({ arenas, slots }: ReturnType<jax.Lowered["program"]>): number =>
  arenas.reduce((sum, sizeBytes) => sum + sizeBytes, 0) +
  slots.reduce((sum, slot) => sum + (slot.kind === "constant" ? slot.sizeBytes : 0), 0);

/** The programs: one prefill chunk of each width, the first token, and a decoding step. */
function programsOf(model: CausalLM, planned: PlannedGeneration, capacity: number): readonly jax.Lowered[] {
  const { generation, options, batch = 1, promptTokens } = planned;
  const choice = choiceOf(generation, options);
  const executables = new Executables(model);
  const { hiddenSize, vocabSize } = model.config;
  const { weights } = executables;
  const caches = jax.evalShape(() =>
    jax.tree.leaves<jax.Array>(makeCaches(model.config, { batch, capacity, dtype: model.dtype })),
  );
  const last = of(model.dtype, batch, hiddenSize);
  const logits = of("float32", batch, vocabSize);
  const [ints, floats] = [of("int32", batch), of("float32", batch)];
  const chunk = (width: number) => ({ ids: of("int32", batch, width), start: ints, counts: ints });
  const [firstWidth, ...nextWidths] = chunkWidths(promptTokens);
  const seen = needsSeen(choice) ? of("bool", batch, vocabSize) : null;
  const done = of("bool", batch);
  const sampling = { doSample: done, temperature: floats, topK: ints, droppedMass: floats, repetitionPenalty: floats };
  const settings = { sampling, eosTokenIds: of("int32", 8), padTokenId: of("int32"), keyData: of("uint32", 2) };
  return [
    executables.prefillFirst.lower(weights, { caches, last }, chunk(firstWidth)),
    ...[...new Set(nextWidths)].map((width) => executables.prefillNext.lower(weights, { caches, last }, chunk(width))),
    executables.head.lower(weights, last),
    executables.decode.lower(weights, { caches, logits, lengths: ints }, ints),
    executables
      .chooser(kindOf([choice], vocabSize))
      .lower(logits, { seen, done, count: of("uint32"), token: ints }, settings),
  ];
}

/** A placeholder for an array, as `lower` accepts. */
const of = (dtype: jax.DType, ...shape: readonly number[]): jax.Array =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as jax.Array;
