/** Words between the home and a device's buffers. */
import { DeviceError } from "../base/errors.ts";
import { hostRecorder, recorded } from "../base/host-recorder.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import { keepAlive } from "./keep-alive.ts";
import type { Home } from "./storage.ts";

// Dawn holds a copy of what is written until a submit behind it is done.
const pieceBytes = 64 * 2 ** 20;

/** Fills a block, or its words from `start` on; the words are copied before this returns. */
export function writeWords({ gpu, pool, commands }: Home, block: Block, words: Uint32Array, start = 0): void {
  // The queue writes at once; the buffer may be one that a call not yet submitted has just let go of.
  commands.flush();
  // A view on shared memory crashes Dawn.
  const shared = typeof SharedArrayBuffer !== "undefined" && words.buffer instanceof SharedArrayBuffer;
  const source = (shared ? words.slice() : words) as Uint32Array<ArrayBuffer>;
  const recorder = hostRecorder();
  const span = recorder?.begin("upload", holderOf(block));
  const chunkWords = pool.chunkBytes / 4;
  for (let from = 0; from < words.length; ) {
    const chunk = Math.floor((start + from) / chunkWords);
    const into = start + from - chunk * chunkWords;
    const count = Math.min(pieceBytes / 4, words.length - from, chunkWords - into);
    gpu.queue.writeBuffer(block.buffers[chunk].gpu, 4 * into, source, from, count);
    if (count * 4 === pieceBytes) gpu.queue.submit([]);
    from += count;
  }
  if (span !== undefined) recorder?.end(span, words.byteLength);
}

/**
 * Fills a block from its start with words that arrive in pieces, so that the host holds few of them at once.
 * A piece may be reused once the next one is asked for. @throws DeviceError if the device is lost meanwhile
 */
export async function writePieces(home: Home, block: Block, pieces: AsyncIterable<Uint32Array>): Promise<void> {
  let start = 0;
  let waitingBytes = 0;
  for await (const words of pieces) {
    if (home.lost) throw home.lost;
    writeWords(home, block, words, start);
    start += words.length;
    waitingBytes += words.byteLength;
    if (waitingBytes < pieceBytes) continue;
    home.gpu.queue.submit([]);
    await keepAlive(home.gpu.queue.onSubmittedWorkDone());
    waitingBytes = 0;
  }
  if (home.lost) throw home.lost;
}

/**
 * The words of a block, or of a range of it, as they are behind everything submitted so far.
 * @param startBytes a multiple of 4 @throws DeviceError if the device is lost meanwhile
 */
export function readWords(home: Home, block: Block, sizeBytes: number, startBytes = 0): Promise<Uint32Array> {
  return recorded("readback", holderOf(block), () => copyWords(home, block, sizeBytes, startBytes), sizeBytes);
}

const holderOf = ({ buffers }: Block): string => buffers[0]?.holder ?? "nothing";

async function copyWords(home: Home, block: Block, sizeBytes: number, startBytes: number): Promise<Uint32Array> {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  if (words.length === 0) return words;
  const chunkWords = home.pool.chunkBytes / 4;
  const start = startBytes / 4;
  const staged: { readonly staging: Block; readonly into: Uint32Array }[] = [];
  block.buffers.forEach((buffer: PooledBuffer, chunk) => {
    const end = Math.min(start + words.length, (chunk + 1) * chunkWords);
    for (let at = Math.max(start, chunk * chunkWords); at < end; at += pieceBytes / 4) {
      const into = words.subarray(at - start, Math.min(end, at + pieceBytes / 4) - start);
      const offset = buffer.offsetBytes + 4 * (at - chunk * chunkWords);
      staged.push({ staging: stage(home, buffer.gpu, offset, into.byteLength), into });
    }
  });
  await home.commands.submitted();
  await answered(
    home,
    staged.map(({ staging, into }) => takeStaged(home, staging, into)),
  );
  return words;
}

/** One word as it is behind everything encoded so far. @throws DeviceError if the device is lost meanwhile */
export async function readWord(home: Home, buffer: GPUBuffer, offset: number): Promise<number> {
  const word = new Uint32Array(1);
  const staging = stage(home, buffer, offset, 4);
  home.commands.flush();
  await answered(home, [takeStaged(home, staging, word)]);
  return word[0];
}

/** Encodes a copy to where the host can look. */
function stage({ pool, commands }: Home, buffer: GPUBuffer, offset: number, sizeBytes: number): Block {
  const staging = pool.allocate(sizeBytes, "transfers", "staging") as Block;
  commands.encoder().copyBufferToBuffer(buffer, offset, staging.buffers[0].gpu, 0, sizeBytes);
  return staging;
}

async function takeStaged({ pool }: Home, staging: Block, into: Uint32Array): Promise<void> {
  const { gpu } = staging.buffers[0];
  try {
    await gpu.mapAsync(GPUMapMode.READ, 0, into.byteLength);
    into.set(new Uint32Array(gpu.getMappedRange(0, into.byteLength)));
    gpu.unmap();
  } catch (error) {
    staging.buffers[0].failed = true;
    throw error;
  } finally {
    pool.release(staging);
  }
}

async function answered(home: Home, reads: readonly Promise<void>[]): Promise<void> {
  const outcomes = await keepAlive(Promise.allSettled(reads));
  for (const outcome of outcomes)
    if (outcome.status === "rejected") {
      // The loss is reported a turn after the mappings fail.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw home.lost ?? new DeviceError(`read: the device must answer; got ${String(outcome.reason)}`);
    }
}
