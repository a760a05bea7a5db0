/** What a program keeps on a device between its calls. It refers to no program, so that it can be freed when the program is gone. */
import type { Block } from "./buffer-pool.ts";
import type { HostConstant } from "./lazy-program.ts";
import { bothPending, type PendingValidation } from "./pending-validation.ts";
import type { Home, Memory } from "./storage.ts";

export class ExecutableMemory {
  readonly constants: readonly (Memory | HostConstant)[];
  /** While a call is under way, the memory stays. */
  isRunning = false;
  uniforms: GPUBuffer | undefined;
  readonly #home: Home;
  #owned: Block[] = [];

  /** @param constants memory that is retained for it */
  constructor(home: Home, constants: readonly (Memory | HostConstant)[]) {
    this.#home = home;
    this.constants = constants;
  }

  /** Undefined if over the budget. */
  take(sizeBytes: number, holder: string): Block | undefined {
    const block = this.#home.pool.allocate(sizeBytes, holder);
    if (block) this.#owned.push(block);
    return block;
  }

  /** Whether the device could not make what was taken. */
  get failed(): boolean {
    return this.#owned.some(({ buffers }) => buffers.some((buffer) => buffer.failed));
  }

  /** Whether constants are filled, or at least submitted. */
  get constantsPlaced(): boolean {
    return this.constants.every((source) => "words" in source || source.block !== undefined);
  }

  /** The pending validation of constants. */
  get inheritedValidation(): PendingValidation | undefined {
    let validation: PendingValidation | undefined;
    for (const source of this.constants)
      if (!("words" in source)) validation = bothPending(validation, source.validation);
    return validation;
  }

  /** Gives back what was taken, unless a call is under way; says whether it did. */
  release(): boolean {
    if (this.isRunning) return false;
    for (const block of this.#owned) this.#home.pool.release(block);
    this.#owned = [];
    this.#home.commands.flush();
    this.uniforms?.destroy();
    this.uniforms = undefined;
    return true;
  }

  dispose(): void {
    this.release();
    for (const source of this.constants) if (!("words" in source)) source.release();
  }
}
