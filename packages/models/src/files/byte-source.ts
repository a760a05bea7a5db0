/** Files of a checkpoint in a folder, on a server or in blobs, read by ranges. */
import { refused } from "../checkpoint-error.ts";

/** One file, read by ranges. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Fills `into` with the bytes from `offset` on. @throws CheckpointError if the file ends early
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A flat folder of files. */
export interface CheckpointFiles {
  /** The folder, address or hub id, for messages. */
  readonly location: string;
  /** Undefined if there is no such file. */
  open(name: string): Promise<ByteSource | undefined>;
}

/** @throws CheckpointError for a file shorter than its reported size */
export const truncated = (file: string, wantedBytes: number, gotBytes: number): Error =>
  refused({ file }, `must have ${wantedBytes} bytes`, `${gotBytes}: the file is cut off`);

/** Bytes of a file. @throws CheckpointError if the file ends early */
export async function readBytes(
  source: ByteSource,
  offset: number,
  sizeBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sizeBytes);
  await source.read(offset, bytes);
  return bytes;
}

/** UTF-8 as text. @throws CheckpointError if it is not UTF-8 */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused({ file }, "must be UTF-8", "other bytes");
  }
}

// The largest known tokenizer.json has about 33 MB.
const maxTextBytes = 256 * 2 ** 20;

/** A small text file; undefined if there is none. @throws CheckpointError if it is too large or not UTF-8 */
export async function readTextFile(
  files: CheckpointFiles,
  name: string,
  maxBytes = maxTextBytes,
): Promise<string | undefined> {
  const source = await files.open(name);
  if (source === undefined) return undefined;
  try {
    if (source.sizeBytes > maxBytes)
      throw refused({ file: name }, `must have at most ${maxBytes} bytes`, `${source.sizeBytes}`);
    return decodeText(await readBytes(source, 0, source.sizeBytes), name);
  } finally {
    await source.close();
  }
}
