/** Buffers of a device: reused by size class, within a budget. */
import { DeviceError } from "../base/errors.ts";
import { hostRecorder } from "../base/host-recorder.ts";
import type { CommandStream } from "./command-stream.ts";
import { bothPending, PendingValidation } from "./pending-validation.ts";
import type { Statistics } from "./statistics.ts";

export interface PooledBuffer {
  /** Never reused, unlike the buffer. */
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Where it begins in the device's buffer. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly shelf: Shelf;
  /** The block of this buffer alone, made once. */
  readonly alone: Block;
  /** What holds it, for the message about a full budget; undefined while it waits for reuse. */
  holder: string | undefined;
  failed: boolean;
  /** Of its creation, until the device has confirmed it. */
  validation: PendingValidation | undefined;
  /** The look at idle memory before which it was last in use. */
  usedBefore: number;
}

/** Memory of one array: buffers of `chunkBytes` each but the last. Returned to the pool when nothing refers to it. */
export interface Block {
  readonly buffers: readonly PooledBuffer[];
  references: number;
}

export type Shelf = "storage" | "staging";

// From here on a launch waits until the device says that it has the memory.
const largeBytes = 4 * 2 ** 20;

/** How often memory that waits for reuse is looked at; what was not used since the last look is given back. */
const idleMs = 500;

/** Oldest last, to be taken first: then calls that repeat soon meet the same buffers, and their bind groups are known. */
function shelve(shelf: PooledBuffer[], buffer: PooledBuffer): void {
  let low = 0;
  for (let high = shelf.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (shelf[middle].id > buffer.id) low = middle + 1;
    else high = middle;
  }
  if (low === shelf.length) shelf.push(buffer);
  else shelf.splice(low, 0, buffer);
}

/** Rounded up so that sizes that differ little share buffers; at most 1/16 is wasted above 4 KiB, 1/4 below. */
function sizeClass(sizeBytes: number): number {
  if (sizeBytes <= 256) return 256;
  const power = 2 ** Math.floor(Math.log2(sizeBytes));
  const step = Math.max(sizeBytes <= 4096 ? 256 : power / 16, 256);
  return Math.ceil(sizeBytes / step) * step;
}

/** Bytes that the pool takes for an array. @param chunkBytes arrays above this size are several buffers */
export function pooledBytes(sizeBytes: number, chunkBytes: number): number {
  if (sizeBytes <= chunkBytes) return sizeClass(sizeBytes);
  const whole = Math.floor(sizeBytes / chunkBytes);
  const rest = sizeBytes - whole * chunkBytes;
  return whole * sizeClass(chunkBytes) + (rest > 0 ? sizeClass(rest) : 0);
}

export interface PoolOptions {
  readonly budgetBytes: number;
  /** Of what waits for reuse, so much is kept although nothing has asked for it for a while. */
  readonly maxIdleBytes: number;
  /** Arrays above this size are several buffers. */
  readonly chunkBytes: number;
  readonly onCreate: (sizeBytes: number) => void;
}

export class BufferPool {
  readonly chunkBytes: number;
  readonly budgetBytes: number;
  /** Fresh large buffers that the device has not confirmed; no launch that uses them may be submitted before. */
  unconfirmedLarge = 0;
  /** What the device last said about memory that it did not have. */
  refusal: DeviceError | undefined;
  readonly #device: GPUDevice;
  readonly #commands: CommandStream;
  readonly #statistics: Statistics;
  readonly #free = { storage: new Map<number, PooledBuffer[]>(), staging: new Map<number, PooledBuffer[]>() };
  readonly #all = new Set<PooledBuffer>();
  readonly #onCreate: PoolOptions["onCreate"];
  readonly #unconfirmed = new Set<PendingValidation>();
  readonly #maxIdleBytes: number;
  #idleBytes = 0;
  #looks = 0;
  #willLook = false;
  #disposed = false;
  #nextId = 1;

  constructor(device: GPUDevice, commands: CommandStream, statistics: Statistics, options: PoolOptions) {
    this.#device = device;
    this.#commands = commands;
    this.#statistics = statistics;
    this.budgetBytes = options.budgetBytes;
    this.#maxIdleBytes = options.maxIdleBytes;
    this.chunkBytes = options.chunkBytes;
    this.#onCreate = options.onCreate;
  }

  get bufferCount(): number {
    return this.#all.size;
  }

  /**
   * Memory for `sizeBytes`, its contents undefined. Undefined when that would exceed the budget, even with all idle buffers destroyed.
   * Look at `unconfirmedLarge` and `validationOf` afterwards.
   */
  allocate(sizeBytes: number, holder: string, shelf: Shelf = "storage"): Block | undefined {
    if (sizeBytes <= this.chunkBytes) return this.#take(sizeClass(sizeBytes), holder, shelf)?.alone;
    const buffers: PooledBuffer[] = [];
    for (let at = 0; at < sizeBytes; at += this.chunkBytes) {
      const buffer = this.#take(sizeClass(Math.min(this.chunkBytes, sizeBytes - at)), holder, shelf);
      if (buffer === undefined) {
        for (const taken of buffers) this.#put(taken);
        return undefined;
      }
      buffers.push(buffer);
    }
    return { buffers, references: 1 };
  }

  /** Settles when the device has said of every buffer whether it could be made. */
  async confirmed(): Promise<void> {
    while (this.#unconfirmed.size > 0)
      await Promise.all([...this.#unconfirmed].map((validation) => validation.promise));
  }

  /** Drops one reference. Work submitted earlier still sees the memory: the device's queue is ordered. */
  release(block: Block): void {
    if (--block.references > 0 || this.#disposed) return;
    for (let i = 0; i < block.buffers.length; i++) this.#put(block.buffers[i]);
  }

  /** Destroys buffers that wait for reuse, until `sizeBytes` are given back. */
  trim(sizeBytes = Number.POSITIVE_INFINITY): void {
    this.#destroyIdle(sizeBytes, () => true);
  }

  /** What is in use, by who holds it. */
  held(): ReadonlyMap<string, { readonly count: number; readonly sizeBytes: number }> {
    const held = new Map<string, { readonly count: number; readonly sizeBytes: number }>();
    for (const { holder: by, sizeBytes: bytes } of this.#all) {
      if (by === undefined) continue;
      const entry = held.get(by) ?? { count: 0, sizeBytes: 0 };
      held.set(by, { count: entry.count + 1, sizeBytes: entry.sizeBytes + bytes });
    }
    return held;
  }

  /** The error for a budget that stays full: it names what holds most. */
  overBudget(sizeBytes: number, holder: string, said?: string): DeviceError {
    const largest = [...this.held()].sort(([, a], [, b]) => b.sizeBytes - a.sizeBytes).slice(0, 5);
    const list = largest.map(([by, { count, sizeBytes: bytes }]) => `${count} × ${by}: ${megabytes(bytes)}`);
    const rule = said ? "the device's memory" : `the budget of ${megabytes(this.budgetBytes)} (JAXSCALE_MEMORY_BUDGET)`;
    return new DeviceError(
      `memory: arrays must fit ${rule}; got ${megabytes(sizeBytes)} more for ${holder} while ${megabytes(this.#statistics.bytesInUse)} are held, most by ${list.join(", ") || "nothing"}${said ? `; ${said}` : ""}`,
    );
  }

  /** Forgets all buffers, those in use too: their device is lost. */
  dispose(): void {
    this.#disposed = true;
    for (const buffer of this.#all) {
      if (buffer.holder !== undefined) this.#put(buffer);
      this.#destroy(buffer);
    }
  }

  #take(classBytes: number, holder: string, shelf: Shelf): PooledBuffer | undefined {
    let stack = this.#free[shelf].get(classBytes);
    if (stack === undefined) this.#free[shelf].set(classBytes, (stack = []));
    const idle = stack.pop();
    if (idle !== undefined) this.#idleBytes -= classBytes;
    const buffer = idle ?? this.#create(classBytes, shelf);
    if (buffer === undefined) return undefined;
    buffer.holder = holder;
    buffer.alone.references = 1;
    // Calls that were queued when the device was lost still take memory of it, which nobody gives back.
    if (this.#disposed) return buffer;
    const statistics = this.#statistics;
    statistics.buffersInUse++;
    statistics.bytesInUse += classBytes;
    if (statistics.bytesInUse > statistics.peakBytes) statistics.peakBytes = statistics.bytesInUse;
    hostRecorder()?.memory(holder, classBytes, statistics.bytesAllocated);
    return buffer;
  }

  #put(buffer: PooledBuffer): void {
    hostRecorder()?.memory(buffer.holder ?? "", -buffer.sizeBytes, this.#statistics.bytesAllocated);
    buffer.holder = undefined;
    this.#statistics.buffersInUse--;
    this.#statistics.bytesInUse -= buffer.sizeBytes;
    if (buffer.failed) {
      this.#destroy(buffer);
      return;
    }
    buffer.usedBefore = this.#looks;
    this.#idleBytes += buffer.sizeBytes;
    shelve(this.#free[buffer.shelf].get(buffer.sizeBytes) ?? [], buffer);
    if (this.#idleBytes > this.#maxIdleBytes && !this.#willLook) this.#lookLater();
  }

  #lookLater(): void {
    this.#willLook = true;
    const handle: unknown = setTimeout(() => {
      this.#willLook = false;
      if (this.#disposed) return;
      this.#destroyIdle(this.#idleBytes - this.#maxIdleBytes, ({ usedBefore }) => usedBefore < this.#looks);
      this.#looks++;
      if (this.#idleBytes > this.#maxIdleBytes) this.#lookLater();
    }, idleMs);
    // Node only: a process that is done gives everything back.
    (handle as { unref?: () => void }).unref?.();
  }

  #destroyIdle(sizeBytes: number, chosen: (buffer: PooledBuffer) => boolean): void {
    let given = 0;
    for (const shelf of Object.values(this.#free))
      for (const stack of shelf.values())
        for (let i = stack.length - 1; i >= 0 && given < sizeBytes; i--) {
          const buffer = stack[i];
          if (!chosen(buffer)) continue;
          stack.splice(i, 1);
          this.#idleBytes -= buffer.sizeBytes;
          given += buffer.sizeBytes;
          this.#destroy(buffer);
        }
    // Dawn gives memory back only at the next submit.
    if (given > 0) this.#device.queue.submit([]);
  }

  #create(sizeBytes: number, shelf: Shelf): PooledBuffer | undefined {
    const statistics = this.#statistics;
    // Staging buffers are short-lived and must not fail: a read is how memory comes to be given back.
    if (shelf === "storage") {
      const excess = statistics.bytesAllocated + sizeBytes - this.budgetBytes;
      if (excess > 0) this.trim(excess);
      if (statistics.bytesAllocated + sizeBytes > this.budgetBytes) return undefined;
    }
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#device.pushErrorScope("out-of-memory");
    const id = this.#nextId++;
    const gpu = this.#device.createBuffer({
      size: sizeBytes,
      usage: shelf === "storage" ? STORAGE | COPY_SRC | COPY_DST : MAP_READ | COPY_DST,
      label: `${shelf} ${id}`,
    });
    const alone: Block = { buffers: [], references: 0 };
    const buffer: PooledBuffer = {
      id,
      gpu,
      offsetBytes: 0,
      sizeBytes,
      shelf,
      alone,
      holder: undefined,
      failed: false,
      validation: undefined,
      usedBefore: 0,
    };
    (alone.buffers as PooledBuffer[]).push(buffer);
    this.#watch(buffer, this.#device.popErrorScope());
    this.#all.add(buffer);
    statistics.buffersCreated++;
    if (!this.#disposed) statistics.bytesAllocated += sizeBytes;
    this.#onCreate(sizeBytes);
    return buffer;
  }

  #watch(buffer: PooledBuffer, popped: Promise<GPUError | null>): void {
    const isLarge = buffer.sizeBytes >= largeBytes;
    if (isLarge) this.unconfirmedLarge++;
    const verdict = popped.then(
      (error) => {
        if (isLarge) this.unconfirmedLarge--;
        if (!error) return undefined;
        buffer.failed = true;
        this.refusal = this.overBudget(
          buffer.sizeBytes,
          buffer.holder ?? "a buffer",
          `the device said: ${error.message}`,
        );
        return this.refusal;
      },
      // Only a lost device does not answer.
      () => undefined,
    );
    const validation = new PendingValidation(verdict);
    buffer.validation = validation;
    this.#unconfirmed.add(validation);
    void validation.promise.then(() => {
      this.#unconfirmed.delete(validation);
      if (validation.error === undefined) buffer.validation = undefined;
    });
  }

  #destroy(buffer: PooledBuffer): void {
    if (!this.#all.delete(buffer)) return;
    this.#statistics.bytesAllocated -= buffer.sizeBytes;
    hostRecorder()?.memory("", 0, this.#statistics.bytesAllocated);
    this.#commands.flush();
    buffer.gpu.destroy();
  }
}

/** Whether the device could make the memory. */
export function validationOf({ buffers }: Block): PendingValidation | undefined {
  let validation: PendingValidation | undefined;
  for (let i = 0; i < buffers.length; i++) validation = bothPending(validation, buffers[i].validation);
  return validation;
}

const megabytes = (sizeBytes: number): string =>
  sizeBytes < 2 ** 20 ? `${sizeBytes} bytes` : `${(sizeBytes / 2 ** 20).toFixed(1)} MiB`;
