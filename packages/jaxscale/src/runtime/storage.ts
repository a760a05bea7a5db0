/** An array's memory as the API holds it, and as launches share it. */
import { DeviceError } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import type { Block, BufferPool } from "./buffer-pool.ts";
import type { CommandStream } from "./command-stream.ts";
import type { PendingValidation } from "./pending-validation.ts";
import type { Statistics } from "./statistics.ts";
import type { UnreadErrors } from "./unread-errors.ts";

/** The device that memory lies on. */
export interface Home {
  readonly gpu: GPUDevice;
  readonly target: Target;
  readonly pool: BufferPool;
  readonly commands: CommandStream;
  readonly statistics: Statistics;
  lost: DeviceError | undefined;
  /** An error that no scope caught; the next read reports it. */
  uncaptured: DeviceError | undefined;
}

/** What launches, reads and the owner share; freed when its last reference goes. Never refers to its `Storage`. */
export class Memory {
  readonly sizeBytes: number;
  readonly label: string;
  /** Number of the GPU that it lies on, or will. */
  readonly gpu: number;
  home: Home | undefined;
  block: Block | undefined;
  validation: PendingValidation | undefined;
  references = 1;
  /** Whether one of the references is the owner's. */
  owned = true;
  /** Scratch of launches that look for an argument passed twice. */
  mark = 0;
  #error: Error | undefined;
  #waiting: (() => void)[] | undefined;
  readonly #errors: UnreadErrors;

  constructor(sizeBytes: number, label: string, errors: UnreadErrors, gpu = 0) {
    this.sizeBytes = sizeBytes;
    this.label = label;
    this.gpu = gpu;
    this.#errors = errors;
  }

  /** Whether what fills it is submitted, or has failed. */
  get settled(): boolean {
    return this.block !== undefined || this.#error !== undefined;
  }

  get error(): Error | undefined {
    return this.#error ?? this.home?.lost ?? this.validation?.error;
  }

  place(home: Home, block: Block, validation: PendingValidation | undefined): void {
    this.home = home;
    this.block = block;
    this.validation = validation;
    this.#wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  /** Calls back when settled, at once or within the turn that settles it. */
  whenSettled(callback: () => void): void {
    if (this.settled) callback();
    else (this.#waiting ??= []).push(callback);
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    if (--this.references > 0) return;
    if (this.block) this.home?.pool.release(this.block);
    this.block = undefined;
    const error = this.#error ?? this.validation?.error;
    if (error) this.#errors.dropped(error);
  }

  releaseOwner(): void {
    if (!this.owned) return;
    this.owned = false;
    this.release();
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    for (const callback of waiting) callback();
  }
}

// The held value is the memory, which does not refer back, so that a dropped storage can be collected.
const dropped = new FinalizationRegistry<Memory>((memory) => memory.releaseOwner());

/**
 * A handle on device memory, owned by whoever holds it: dropped, disposed of or donated, it gives the memory back.
 * An array of the API needs no finalizer of its own if it alone holds its storage.
 */
export class Storage {
  readonly #memory: Memory;
  #deleted = false;
  #takenBy: string | undefined;

  constructor(memory: Memory) {
    this.#memory = memory;
    dropped.register(this, memory);
  }

  get sizeBytes(): number {
    return this.#memory.sizeBytes;
  }
  /** For messages, such as `float32[4,8]`. */
  get label(): string {
    return this.#memory.label;
  }
  /** Whether it was disposed of or donated. */
  get deleted(): boolean {
    return this.#deleted;
  }
  /** The program that it was donated to. */
  get takenBy(): string | undefined {
    return this.#takenBy;
  }
  /** What went wrong in the work that fills it, as far as known. */
  get error(): Error | undefined {
    return this.#memory.error;
  }

  /** Gives the memory back once queued work no longer needs it. Harmless when it is deleted. */
  dispose(): void {
    this.#deleted = true;
    this.#memory.releaseOwner();
  }

  /** For the runtime. @throws DeviceError if deleted */
  borrow(): Memory {
    if (this.#deleted) throw new DeviceError(`storage: must not be used after it was deleted; got ${this.label}`);
    return this.#memory;
  }

  /** For the runtime: donates the owner's reference to a launch of the program of that name. */
  consume(by: string): Memory {
    const memory = this.borrow();
    this.#deleted = true;
    this.#takenBy = by;
    memory.owned = false;
    return memory;
  }
}
