/** Loads parameters from files to the device. */
import { type Array, arrayFromChunks, shardedArrayFromChunks } from "jaxscale";
import { PieceReader } from "./pieces.ts";
import { type KeyRules, type LoadPlan, type PlannedParameter, planLoad } from "./plan.ts";
import { type OnProgress, ProgressMeter } from "./progress.ts";
import type { Weights } from "./weights.ts";

/** Options of loading weights. */
export interface LoadOptions extends KeyRules {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Bytes read at once; for tests. */
  readonly pieceBytes?: number;
}

/**
 * Loads every parameter of a plan to the device, by name. The host holds a few pieces of 16 MB at a time, whatever the size
 * of the tensors. Everything is checked before the first byte is loaded.
 * @throws CheckpointError; DeviceError; the reason of the signal; after freeing the device memory
 */
export async function loadParameters(
  weights: Weights,
  plan: LoadPlan,
  { signal, onProgress, pieceBytes, ...rules }: LoadOptions = {},
): Promise<Record<string, Array>> {
  signal?.throwIfAborted();
  const { parameters, readBytes } = planLoad(weights, plan, rules);
  const meter = new ProgressMeter(readBytes, onProgress);
  const reader = new PieceReader({ signal, pieceBytes, onRead: (name, sizeBytes) => meter.add(name, sizeBytes) });
  const loaded = new Map<string, Array>();
  try {
    for (const parameter of parameters) loaded.set(parameter.name, await readArray(parameter, reader));
  } catch (error) {
    for (const array of loaded.values()) array.dispose();
    throw error;
  }
  return Object.fromEntries(Object.keys(plan).map((name) => [name, loaded.get(name) as Array]));
}

/** A parameter on the devices: each GPU reads the ranges that its devices have. */
function readArray(parameter: PlannedParameter, reader: PieceReader): Promise<Array> {
  const { sharding } = parameter;
  const options = { holder: "weights" };
  if (!sharding) return arrayFromChunks(parameter, reader.pieces(parameter), options);
  return shardedArrayFromChunks(parameter, sharding, (ranges) => reader.pieces(parameter, ranges), options);
}
