/** Bytes that a program exchanges, as the host reads and writes them. */
import { DeviceError } from "../base/errors.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import { bufferOf, offsetOf } from "./encode-steps.ts";
import type { Place } from "./slot-table.ts";
import type { Home } from "./storage.ts";

/** Words that the host may look at until it lets go of them. */
export interface HostView {
  readonly words: Uint32Array;
  release(): void;
}

// Dawn holds a copy of what is written until a submit behind it is done.
const pieceBytes = 64 * 2 ** 20;

export class DeviceRange {
  readonly sizeBytes: number;
  readonly #home: Home;
  readonly #places: readonly Place[];
  readonly #buffers: readonly PooledBuffer[];

  /** @param buffers those of the call under way */
  constructor(home: Home, places: readonly Place[], buffers: readonly PooledBuffer[]) {
    this.#home = home;
    this.#places = places;
    this.#buffers = buffers;
    this.sizeBytes = places.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * The words as they are behind everything encoded so far, mapped; no copy of them on the host is made unless they take several buffers.
   * @throws DeviceError if the device is lost
   */
  async read(): Promise<HostView> {
    const { pool, commands } = this.#home;
    const staging = pool.allocate(this.sizeBytes, "exchanges", "staging") as Block;
    const encoder = commands.encoder();
    for (const { buffer, offset, at, size } of this.#pieces())
      encoder.copyBufferToBuffer(
        buffer,
        offset,
        staging.buffers[Math.floor(at / pool.chunkBytes)].gpu,
        at % pool.chunkBytes,
        size,
      );
    commands.flush();
    const sizes = staging.buffers.map((_, i) => Math.min(pool.chunkBytes, this.sizeBytes - i * pool.chunkBytes));
    const mappings = staging.buffers.map((buffer, i) => buffer.gpu.mapAsync(GPUMapMode.READ, 0, sizes[i]));
    const refused = (await Promise.allSettled(mappings)).find((outcome) => outcome.status === "rejected");
    const release = (): void => {
      for (const buffer of staging.buffers) {
        if (refused) buffer.failed = true;
        else buffer.gpu.unmap();
      }
      pool.release(staging);
    };
    const failed = async (reason: unknown): Promise<never> => {
      release();
      // The loss is reported a turn after the mappings fail.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw this.#home.lost ?? new DeviceError(`exchange: the device must answer; got ${String(reason)}`);
    };
    if (refused) return failed(refused.reason);
    let mapped: readonly Uint32Array[];
    try {
      mapped = staging.buffers.map((buffer, i) => new Uint32Array(buffer.gpu.getMappedRange(0, sizes[i])));
    } catch (error) {
      return failed(error);
    }
    if (mapped.length === 1) return { words: mapped[0], release };
    const words = new Uint32Array(this.sizeBytes / 4);
    mapped.forEach((part, i) => words.set(part, (i * pool.chunkBytes) / 4));
    return { words, release };
  }

  /** Writes words at an offset; they are copied before this returns, and what is submitted later sees them. */
  write(words: Uint32Array, offsetBytes = 0): void {
    const { gpu, commands } = this.#home;
    // The queue writes at once.
    commands.flush();
    const end = offsetBytes + words.byteLength;
    for (const { buffer, offset, at, size } of this.#pieces()) {
      const from = Math.max(at, offsetBytes);
      const count = Math.min(at + size, end) - from;
      if (count <= 0) continue;
      const source = words as Uint32Array<ArrayBuffer>;
      gpu.queue.writeBuffer(buffer, offset + from - at, source, (from - offsetBytes) / 4, count / 4);
      if (count === pieceBytes) gpu.queue.submit([]);
    }
  }

  /** The range in pieces, each within one buffer of the program's and one of its staging memory, with where it begins. */
  *#pieces() {
    const { chunkBytes } = this.#home.pool;
    let start = 0;
    for (const place of this.#places) {
      const [buffer, offset] = [bufferOf(place, this.#buffers), offsetOf(place, this.#buffers)];
      for (let done = 0; done < place.size; ) {
        const at = start + done;
        const size = Math.min(place.size - done, pieceBytes, chunkBytes - (at % chunkBytes));
        yield { buffer, offset: offset + done, at, size };
        done += size;
      }
      start += place.size;
    }
  }
}
