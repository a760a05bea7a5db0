/** Tiny checkpoints and what the reference computes from them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type * as jax from "jaxscale";
import { folderFiles, openCheckpoint, SafetensorsFile } from "../../packages/models/src/index.ts";
import { CausalLM, parametersOf, setParameters } from "../../packages/models/src/model.ts";

export const fixtures = join(import.meta.dirname, "..", "fixtures", "hf");
export const checkpoints = join(import.meta.dirname, "..", "..", "examples", "checkpoints");

export interface Processed {
  readonly tensor: string;
  readonly setting: Readonly<Record<string, number>>;
  readonly step: number;
  readonly kept: readonly number[];
}
export interface GoldenCase {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly bf16_vs_f32: Readonly<Record<string, { readonly max_abs: number; readonly rms_rel: number }>>;
  readonly greedy: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly processed: readonly Processed[];
}
export interface Golden {
  readonly eos_token_id: readonly number[];
  readonly pad_token_id: number;
  readonly cases: Readonly<Record<"batch2" | "single", GoldenCase>>;
  readonly processor_ties: { readonly input_ids: readonly (readonly number[])[] };
}

export const readGolden = (folder: string): Golden => JSON.parse(readFileSync(join(folder, "golden.json"), "utf8"));

export async function openTensors(folder: string): Promise<SafetensorsFile> {
  const source = await folderFiles(folder).open("golden.safetensors");
  if (source === undefined) throw new Error(`${folder} has no golden.safetensors`);
  return SafetensorsFile.open(source);
}

/** Parameters that decide on experts stay float32. */
export async function loadModel(folder: string, dtype: jax.DType) {
  const checkpoint = await openCheckpoint(folder);
  const { config, generation, load, tokenizer } = checkpoint;
  const model = new CausalLM(config, dtype);
  await checkpoint.quantize(model);
  setParameters(model, await load(parametersOf(model)));
  return { config, generation, model, tokenizer };
}

/** Rows without their left padding, padded behind to equal lengths. */
export function alignLeft({ input_ids, attention_mask }: GoldenCase): {
  ids: number[][];
  lengths: number[];
  offsets: number[];
} {
  const offsets = attention_mask.map((mask) => mask.indexOf(1));
  const width = input_ids[0].length;
  const ids = input_ids.map((row, b) => [...row.slice(offsets[b]), ...new Array<number>(offsets[b]).fill(0)]);
  return { ids, lengths: offsets.map((offset) => width - offset), offsets };
}
