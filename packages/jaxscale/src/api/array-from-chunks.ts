/** Arrays whose values arrive as bytes, piece by piece. */
import { type DType, itemSizeBytes, sizeBytesOf } from "../base/dtypes.ts";
import { ShapeError, ShardingError } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { storageBytes } from "../fuse/memory-view.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { layoutOf } from "../partition/layout.ts";
import type { NamedSharding } from "../partition/named-sharding.ts";
import { heldIndices, heldShape } from "../partition/topology.ts";
import { getClient, type Storage } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { topologyFor } from "./gpus.ts";
import { checkFits } from "./placement.ts";

/** Options of `arrayFromChunks`. */
export interface ArrayFromChunksOptions {
  /** Who holds the memory, in profiles and in errors about memory; the array's type by default. */
  readonly holder?: string;
}

/**
 * An array from its bytes: row-major, little-endian, as wide as the dtype (float16 and bfloat16 two, bool one; int4 and uint4 two elements
 * in a byte, the first in its low bits).
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
  const words = wholeWords(chunks, sizeBytesOf(dtype, sizeOf(shape)), aval);
  return new DeviceArray(aval, await getClient().uploadPieces(words, storageBytes(aval), formatAval(aval), { holder }));
}

/** Elements from `start` on, `end` not included, in the row-major order of the whole array. */
export interface ElementRange {
  readonly start: number;
  readonly end: number;
}

/**
 * An array that lies as a sharding says, from bytes as `arrayFromChunks` takes them: each GPU's memory is filled with what its devices
 * have, so none holds the whole, and what several GPUs hold alike is asked for once.
 * @param chunksOf from ascending ranges to their bytes, one range behind the other; called for one GPU after another
 * @throws ShardingError if the sharding does not divide the shape, or splits a byte of int4; ShapeError, DeviceError, and what the chunks throw, as `arrayFromChunks`
 */
export async function shardedArrayFromChunks(
  { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: DType },
  sharding: NamedSharding,
  chunksOf: (ranges: readonly ElementRange[]) => AsyncIterable<Uint8Array>,
  options: ArrayFromChunksOptions = {},
): Promise<Array> {
  const aval: ShapedArray = { shape: [...shape], dtype, weakType: false };
  checkFits(sharding, aval, "shardedArrayFromChunks");
  const topology = topologyFor(sharding.mesh);
  if (topology === undefined) {
    const whole = await arrayFromChunks(aval, chunksOf([{ start: 0, end: sizeOf(shape) }]), options);
    return concrete("shardedArrayFromChunks", whole).placedBy(sharding);
  }
  const layout = layoutOf(sharding.spec, shape.length);
  const held = { ...aval, shape: heldShape(shape, layout, topology) };
  const label = formatAval(held);
  const first = new Map<string, Storage>();
  const storages: Storage[] = [];
  try {
    for (const [place, gpu] of topology.gpus.entries()) {
      const ranges = rangesOf(shape, heldIndices(shape, layout, topology, place));
      checkWholeBytes(ranges, aval);
      const key = JSON.stringify(ranges);
      const same = first.get(key);
      const fill = (): Promise<Storage> =>
        getClient().uploadPieces(
          wholeWords(chunksOf(ranges), sizeBytesOf(dtype, sizeOf(held.shape)), held),
          storageBytes(held),
          label,
          { ...options, gpu },
        );
      const storage = same ? getClient().copyTo(gpu, same, undefined, label) : await fill();
      storages.push(storage);
      if (!same) first.set(key, storage);
    }
  } catch (error) {
    for (const storage of storages) storage.dispose();
    throw error;
  }
  return DeviceArray.onGpus(aval, sharding, { topology, storages });
}

/** @throws ShardingError for ranges that begin or end inside a byte */
function checkWholeBytes(ranges: readonly ElementRange[], aval: ShapedArray): void {
  const perByte = 1 / Math.min(1, itemSizeBytes(aval.dtype));
  const split = ranges
    .flatMap(({ start, end }) => [start, end])
    .find((at) => at % perByte !== 0 && at !== sizeOf(aval.shape));
  if (split !== undefined)
    throw new ShardingError(
      `shardedArrayFromChunks: a device must hold whole bytes of ${formatAval(aval)}, ${perByte} elements each; got a part that begins or ends at element ${split}`,
    );
}

/** Runs of elements that lie side by side. @param indices along each dimension, ascending */
function rangesOf(shape: readonly number[], indices: readonly (readonly number[])[]): readonly ElementRange[] {
  return shape.reduce<readonly ElementRange[]>(
    (runs, size, dimension) => {
      const along = runsOf(indices[dimension]);
      // Of a dimension that is held whole, runs stay runs.
      if (along.length === 1 && along[0].end - along[0].start === size)
        return runs.map(({ start, end }) => ({ start: start * size, end: end * size }));
      return runs.flatMap(({ start, end }) =>
        globalThis.Array.from({ length: end - start }, (_, i) => (start + i) * size).flatMap((row) =>
          along.map((run) => ({ start: row + run.start, end: row + run.end })),
        ),
      );
    },
    [{ start: 0, end: 1 }],
  );
}

function runsOf(indices: readonly number[]): readonly ElementRange[] {
  const runs: ElementRange[] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last?.end === index) runs[runs.length - 1] = { start: last.start, end: index + 1 };
    else runs.push({ start: index, end: index + 1 });
  }
  return runs;
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
