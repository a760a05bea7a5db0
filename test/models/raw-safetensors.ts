/** Safetensors files written by hand, good and bad. */
import { blobFiles, type CheckpointFiles } from "@jaxscale/models";

export interface RawEntry {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data_offsets?: unknown;
}

/** A file of a header, as text or as what it says, and its data. */
export function rawFile(header: string | Readonly<Record<string, unknown>>, data: Uint8Array | number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  return rawBytes(json, data);
}

export function rawBytes(json: Uint8Array, data: Uint8Array | number, length = BigInt(json.length)): Uint8Array {
  const bytes = typeof data === "number" ? Uint8Array.from({ length: data }, (_, i) => i % 251) : data;
  const file = new Uint8Array(8 + json.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, length, true);
  file.set(json, 8);
  file.set(bytes, 8 + json.length);
  return file;
}

/** Tensors one after the other. */
export function rawTensors(
  tensors: Readonly<
    Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly bytes: Uint8Array }>
  >,
): Uint8Array {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const data = new Uint8Array(at);
  at = 0;
  for (const { bytes } of Object.values(tensors)) {
    data.set(bytes, at);
    at += bytes.length;
  }
  return rawFile(header, data);
}

/** Files in memory, by name. */
export const memoryFiles = (files: Readonly<Record<string, Uint8Array | string>>): CheckpointFiles =>
  blobFiles(
    Object.fromEntries(Object.entries(files).map(([name, content]) => [name, new Blob([content as BlobPart])])),
  );
