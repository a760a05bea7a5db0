/** A checkpoint of blobs: files that a user selected, or bytes in memory. */
import type { ByteSource, CheckpointFiles } from "./byte-source.ts";
import { truncated } from "./byte-source.ts";

/**
 * A checkpoint of blobs by file name.
 * @param blobs by file name; `File`s of an `<input type="file" webkitdirectory>`, for instance
 */
export function blobFiles(blobs: Readonly<Record<string, Blob>>, location = "blobs"): CheckpointFiles {
  return {
    location,
    open: async (name) => (Object.hasOwn(blobs, name) ? blobSource(name, blobs[name]) : undefined),
  };
}

/** A blob as a file read by ranges. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    sizeBytes: blob.size,
    read: async (offset, into) => {
      const bytes = new Uint8Array(await blob.slice(offset, offset + into.length).arrayBuffer());
      if (bytes.length < into.length) throw truncated(name, offset + into.length, offset + bytes.length);
      into.set(bytes);
    },
    close: async () => {},
  };
}
