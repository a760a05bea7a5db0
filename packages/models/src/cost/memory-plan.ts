/** Estimates the device memory of a generation from its config. */
import * as jax from "jaxscale";
import type { ModelConfig } from "../config/config.ts";
import type { GenerationConfig } from "../config/generation.ts";
import type { GenerateOptions } from "../generate/generate.ts";
import { CausalLM } from "../model.ts";
import type { ModelMesh } from "../parallel/model-mesh.ts";
import { isDivisible, modelMesh, type Parallelism } from "../parallel/parallelism.ts";
import { type QuantizeOptions, quantizeModel } from "../quantize-model.ts";
import type { Matrices } from "../weights/quantized/matrices.ts";
import {
  type BatchSize,
  describeCaches,
  describeWeights,
  plannedModel,
  programsOf,
  type Typed,
} from "./planned-programs.ts";
import { StepCost } from "./step-cost.ts";

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
  /** One device if absent. */
  readonly parallelism?: Parallelism;
  /** What is quantized while loading; nothing if absent. */
  readonly quantize?: QuantizeOptions;
  /** What the checkpoint has in codes; nothing if absent. */
  readonly matrices?: Pick<Matrices, "of">;
  /** Dtype of the caches; `dtype` if absent. */
  readonly kvDtype?: jax.DType;
}

/** Bytes of device memory. */
export interface MemoryUse {
  readonly weightBytes: number;
  readonly cacheBytes: number;
  /** Total of all programs: each keeps its temporaries between calls. */
  readonly temporaryBytes: number;
  readonly totalBytes: number;
}

/** Memory of a generation on the GPU that all devices of the mesh share: what they have in common is there once. */
export interface MemoryPlan extends MemoryUse {
  readonly parameters: number;
  /** Capacity of the caches, in tokens per row. */
  readonly capacity: number;
  readonly mesh: ModelMesh | null;
  /** Of one device of the mesh, with a GPU of its own; temporaries are an equal part of those of all. */
  readonly device: MemoryUse;
}

/** Traces and compiles the programs on the host, without loading weights or running. @throws RangeError for impossible settings */
export function planMemory(planned: PlannedGeneration, target: jax.Target): MemoryPlan {
  const { model, size } = plannedModel(planned);
  const { mesh } = model;
  const temporaryBytes = programsOf(model, planned, size).reduce(
    (sum, program) => sum + ownBytes(program.program(target)),
    0,
  );
  const stored = storedBytes(model, size);
  return {
    parameters: new StepCost(model).parameters,
    capacity: size.capacity,
    mesh,
    ...together(stored.whole, temporaryBytes),
    device: together(stored.device, temporaryBytes / (mesh?.mesh.size ?? 1)),
  };
}

/**
 * The fewest devices that have so much memory each and are enough, split so that a device holds least; undefined if 64 are too few.
 * @param plan for one device, whose temporaries none of several exceeds
 */
export function fittingParallelism(
  { config, dtype, quantize, matrices, kvDtype, batch = 1 }: PlannedGeneration,
  { capacity, temporaryBytes }: MemoryPlan,
  budgetBytes: number,
): { readonly parallelism: Parallelism; readonly device: MemoryUse } | undefined {
  for (let count = 2; count <= 64; count *= 2) {
    const devices = Array.from({ length: count }, (_, id) => ({ id }));
    const ways = Array.from({ length: Math.log2(count) + 1 }, (_, i) => ({ tp: count / 2 ** i, ep: 2 ** i }));
    const found = ways
      .filter((parallelism) => isDivisible(config, parallelism))
      .map((parallelism) => {
        const model = new CausalLM(config, dtype, modelMesh(config, parallelism, devices), kvDtype);
        quantizeModel(model, quantize, matrices);
        return { parallelism, device: together(storedBytes(model, { batch, capacity }).device, temporaryBytes) };
      })
      .sort((a, b) => a.device.totalBytes - b.device.totalBytes);
    if (found.length > 0 && found[0].device.totalBytes <= budgetBytes) return found[0];
  }
  return undefined;
}

interface Stored {
  readonly weightBytes: number;
  readonly cacheBytes: number;
}

const together = ({ weightBytes, cacheBytes }: Stored, temporaryBytes: number): MemoryUse => ({
  weightBytes,
  cacheBytes,
  temporaryBytes,
  totalBytes: weightBytes + cacheBytes + temporaryBytes,
});

/** Weights and caches, of the whole model and of one device. */
function storedBytes(model: CausalLM, size: BatchSize): { readonly whole: Stored; readonly device: Stored } {
  const weights = describeWeights(model);
  const caches = describeCaches(model, size);
  const bytes = (arrays: readonly Typed[], shapeOf: (x: Typed) => readonly number[]): number =>
    arrays.reduce((sum, x) => sum + shapeOf(x).reduce((a, b) => a * b, jax.itemSizeBytes(x.dtype)), 0);
  const own = ({ shape, sharding }: Typed): readonly number[] => sharding?.shardShape(shape) ?? shape;
  return {
    whole: { weightBytes: bytes(weights, (x) => x.shape), cacheBytes: bytes(caches, (x) => x.shape) },
    device: { weightBytes: bytes(weights, own), cacheBytes: bytes(caches, own) },
  };
}

/** Temporaries and constants. */
const ownBytes = ({ arenas, slots }: ReturnType<jax.Lowered["program"]>): number =>
  arenas.reduce((sum, sizeBytes) => sum + sizeBytes, 0) +
  slots.reduce((sum, slot) => sum + (slot.kind === "constant" ? slot.sizeBytes : 0), 0);
