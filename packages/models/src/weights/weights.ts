/** The tensors of a checkpoint, in one file or many; opened and checked, not loaded. */
import { quoted, refused } from "../checkpoint-error.ts";
import { type CheckpointFiles, readTextFile } from "../files/byte-source.ts";
import { SafetensorsFile } from "../safetensors/file.ts";
import type { TensorEntry } from "../safetensors/header.ts";
import { parseIndex } from "./index-file.ts";

/** A tensor and the file that holds it. */
export interface Located extends TensorEntry {
  readonly file: SafetensorsFile;
}

/** The safetensors files of a checkpoint, open. */
export interface Weights {
  /** The checkpoint, for messages. */
  readonly location: string;
  readonly tensors: ReadonlyMap<string, Located>;
  close(): Promise<void>;
}

export const singleName = "model.safetensors";
export const indexName = "model.safetensors.index.json";

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names, and reads all headers.
 * @throws CheckpointError naming file, key, expected and found; after closing all files
 */
export async function openWeights(files: CheckpointFiles): Promise<Weights> {
  const single = await files.open(singleName);
  if (single !== undefined) return weightsOf(files, [await SafetensorsFile.open(single)]);
  const text = await readTextFile(files, indexName);
  if (text === undefined) throw refused({ file: files.location }, `must hold ${singleName} or ${indexName}`, "neither");
  return openShards(files, parseIndex(text, indexName));
}

async function openShards(files: CheckpointFiles, index: ReadonlyMap<string, string>): Promise<Weights> {
  const open: SafetensorsFile[] = [];
  try {
    for (const name of [...new Set(index.values())].sort()) {
      const source = await files.open(name);
      if (source === undefined)
        throw refused({ file: indexName }, "must name shards that exist", `${name}, which is missing`);
      open.push(await SafetensorsFile.open(source));
    }
    for (const file of open) for (const key of file.entries.keys()) requireListed(key, file, index);
    for (const [key, name] of index)
      if (!open.some((file) => file.name === name && file.entries.has(key)))
        throw refused({ file: name, key }, `must hold the tensor that ${indexName} says it holds`, "no such tensor");
  } catch (error) {
    await Promise.all(open.map((file) => file.close()));
    throw error;
  }
  return weightsOf(files, open);
}

function requireListed(key: string, file: SafetensorsFile, index: ReadonlyMap<string, string>): void {
  const listed = index.get(key);
  if (listed === file.name) return;
  if (listed === undefined)
    throw refused({ file: file.name, key }, `must be listed in ${indexName}`, "a tensor that is not");
  throw refused({ file: file.name, key }, "must occur in one shard", `the key also in ${quoted(listed)}`);
}

function weightsOf(files: CheckpointFiles, open: readonly SafetensorsFile[]): Weights {
  const tensors = new Map<string, Located>();
  for (const file of open) for (const [key, entry] of file.entries) tensors.set(key, { ...entry, file });
  return {
    location: files.location,
    tensors,
    close: async () => {
      await Promise.all(open.map((file) => file.close()));
    },
  };
}
