/** Words between the home and a device's buffers. */
import { DeviceError } from "../base/errors.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import { keepAlive } from "./keep-alive.ts";
import type { Home } from "./storage.ts";

// Dawn holds a copy of what is written until a submit behind it is done.
const pieceBytes = 64 * 2 ** 20;

/** Fills a block; the words are copied before this returns. */
export function writeWords({ gpu, pool, commands }: Home, block: Block, words: Uint32Array): void {
  // The queue writes at once; the buffer may be one that a call not yet submitted has just let go of.
  commands.flush();
  // A view on shared memory crashes Dawn.
  const shared = typeof SharedArrayBuffer !== "undefined" && words.buffer instanceof SharedArrayBuffer;
  const source = shared ? words.slice() : words;
  const chunkWords = pool.chunkBytes / 4;
  block.buffers.forEach((buffer, chunk) => {
    const end = Math.min(words.length, (chunk + 1) * chunkWords);
    for (let at = chunk * chunkWords; at < end; at += pieceBytes / 4) {
      const count = Math.min(pieceBytes / 4, end - at);
      gpu.queue.writeBuffer(buffer.gpu, 4 * (at - chunk * chunkWords), source as Uint32Array<ArrayBuffer>, at, count);
      if (count * 4 === pieceBytes) gpu.queue.submit([]);
    }
  });
}

/** The words of a block as they are behind everything submitted so far. @throws DeviceError if the device is lost meanwhile */
export async function readWords(home: Home, block: Block, sizeBytes: number): Promise<Uint32Array> {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  if (words.length === 0) return words;
  const { pool, commands } = home;
  const pieces: { readonly staging: Block; readonly at: number; readonly count: number }[] = [];
  const chunkWords = pool.chunkBytes / 4;
  block.buffers.forEach((buffer: PooledBuffer, chunk) => {
    const end = Math.min(words.length, (chunk + 1) * chunkWords);
    for (let at = chunk * chunkWords; at < end; at += pieceBytes / 4) {
      const count = Math.min(pieceBytes / 4, end - at);
      const staging = pool.allocate(count * 4, "transfers", "staging") as Block;
      commands
        .encoder()
        .copyBufferToBuffer(buffer.gpu, 4 * (at - chunk * chunkWords), staging.buffers[0].gpu, 0, count * 4);
      pieces.push({ staging, at, count });
    }
  });
  commands.flush();
  const copyOut = async ({ staging, at, count }: (typeof pieces)[number]): Promise<void> => {
    const buffer = staging.buffers[0].gpu;
    try {
      await buffer.mapAsync(GPUMapMode.READ, 0, count * 4);
      words.set(new Uint32Array(buffer.getMappedRange(0, count * 4)), at);
      buffer.unmap();
    } catch (error) {
      staging.buffers[0].failed = true;
      throw error;
    } finally {
      pool.release(staging);
    }
  };
  const outcomes = await keepAlive(Promise.allSettled(pieces.map(copyOut)));
  for (const outcome of outcomes)
    if (outcome.status === "rejected") {
      // The loss is reported a turn after the mappings fail.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw home.lost ?? new DeviceError(`read: the device must answer; got ${String(outcome.reason)}`);
    }
  return words;
}
