/** Arrays whose values arrive as bytes, piece by piece. */
import type { DType } from "../base/dtypes.ts";
import { itemSizeBytes } from "../base/dtypes.ts";
import { ShapeError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { storageBytes } from "../fuse/memory-view.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { getClient } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { DeviceArray } from "./device-array.ts";

/** Options of `arrayFromChunks`. */
export interface ArrayFromChunksOptions {
  /** Who holds the memory, in profiles and in errors about memory; the array's type by default. */
  readonly holder?: string;
}

/**
 * An array from its bytes: row-major, little-endian, as wide as the dtype (float16 and bfloat16 two, bool one).
 * The host holds one chunk at a time, so an array larger than the host's memory can be filled. A chunk may be reused
 * once the next one is asked for.
 * @throws ShapeError if the chunks hold more or fewer bytes; DeviceError; what the chunks throw. Nothing stays on the device then
 */
export async function arrayFromChunks(
  { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: DType },
  chunks: AsyncIterable<Uint8Array>,
  { holder }: ArrayFromChunksOptions = {},
): Promise<Array> {
  const aval: ShapedArray = { shape: [...shape], dtype, weakType: false };
  const words = wholeWords(chunks, sizeOf(shape) * itemSizeBytes(dtype), aval);
  return new DeviceArray(aval, await getClient().uploadPieces(words, storageBytes(aval), formatAval(aval), { holder }));
}

async function* wholeWords(
  chunks: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  aval: ShapedArray,
): AsyncGenerator<Uint32Array> {
  const rest = new Uint8Array(4);
  let restBytes = 0;
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > sizeBytes) throw wrongLength(aval, sizeBytes, `${seen} or more`);
    if (restBytes === 0 && chunk.byteOffset % 4 === 0 && chunk.length % 4 === 0) {
      yield new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
      continue;
    }
    const joined = new Uint8Array(restBytes + chunk.length);
    joined.set(rest.subarray(0, restBytes));
    joined.set(chunk, restBytes);
    restBytes = joined.length % 4;
    rest.set(joined.subarray(joined.length - restBytes));
    yield new Uint32Array(joined.buffer, 0, (joined.length - restBytes) / 4);
  }
  if (seen < sizeBytes) throw wrongLength(aval, sizeBytes, seen);
  if (restBytes > 0) yield new Uint32Array(rest.fill(0, restBytes).buffer);
}

const wrongLength = (aval: ShapedArray, sizeBytes: number, got: number | string): ShapeError =>
  new ShapeError(`arrayFromChunks: the chunks of ${formatAval(aval)} must hold ${sizeBytes} bytes; got ${got}`);
