/** An open safetensors file. */
import type { DType } from "jaxscale";
import { refused } from "../checkpoint-error.ts";
import { type ByteSource, readBytes } from "../files/byte-source.ts";
import { decodeElements, type HostValues } from "./decode.ts";
import { arrayDtype } from "./dtypes.ts";
import { headerSize, lengthBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";

/** A tensor on the host. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The elements; floats of every width as a Float32Array. */
  readonly values: HostValues;
}

/** An open safetensors file: the header is read at once, tensors on demand. */
export class SafetensorsFile {
  readonly source: ByteSource;
  readonly entries: SafetensorsHeader["entries"];
  readonly metadata: SafetensorsHeader["metadata"];

  private constructor(source: ByteSource, { entries, metadata }: SafetensorsHeader) {
    this.source = source;
    this.entries = entries;
    this.metadata = metadata;
  }

  /** Reads and validates the header; closes the source on error. @throws CheckpointError naming file, key, expected and found */
  static async open(source: ByteSource): Promise<SafetensorsFile> {
    const { name, sizeBytes } = source;
    try {
      const first = await readBytes(source, 0, Math.min(lengthBytes, sizeBytes));
      const header = await readBytes(source, lengthBytes, headerSize(first, sizeBytes, name));
      return new SafetensorsFile(source, parseHeader(header, sizeBytes, name));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  get name(): string {
    return this.source.name;
  }

  /** Dtype, shape and byte range of a tensor. @throws CheckpointError if there is no tensor of that name */
  entry(key: string): TensorEntry {
    const entry = this.entries.get(key);
    if (entry === undefined) throw refused({ file: this.name, key }, "must be in the file", "no such tensor");
    return entry;
  }

  /** The values of one tensor. @throws CheckpointError if it is missing or its dtype is unsupported */
  async read(key: string): Promise<HostTensor> {
    const entry = this.entry(key);
    const dtype = arrayDtype(entry.dtype);
    if (dtype === undefined)
      throw refused({ file: this.name, key }, "must have a dtype that arrays can have", entry.dtype);
    const bytes = await readBytes(this.source, entry.offset, entry.sizeBytes);
    return { shape: entry.shape, dtype, values: decodeElements(dtype, bytes) };
  }

  /** Closes the source. */
  close(): Promise<void> {
    return this.source.close();
  }
}
