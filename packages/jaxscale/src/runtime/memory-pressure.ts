/** Getting memory back: garbage is collected, and dropped arrays give up their buffers, only when the program yields. */
import type { Device } from "./device.ts";
import type { Platform } from "./platform.ts";
import type { Statistics } from "./statistics.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

// New buffers after which dropped arrays are looked for, though the budget is not reached.
const fewBuffers = 512;
const fewBytes = 256 * 2 ** 20;

export class MemoryPressure {
  readonly #platform: Platform;
  readonly #statistics: Statistics;
  readonly #open: () => readonly Device[];
  #newBuffers = 0;
  #newBytes = 0;
  #allowedBytes = fewBytes;
  #allowedBuffers = fewBuffers;
  #scheduled = false;

  /** @param open all that are: they share a budget */
  constructor(platform: Platform, statistics: Statistics, open: () => readonly Device[]) {
    this.#open = open;
    this.#platform = platform;
    this.#statistics = statistics;
  }

  /** V8 does not see the device's memory: without this, a program that drops arrays fills the budget before any is collected. */
  created(sizeBytes: number): void {
    this.#newBuffers++;
    this.#newBytes += sizeBytes;
    if (this.#scheduled || (this.#newBuffers < this.#allowedBuffers && this.#newBytes < this.#allowedBytes)) return;
    this.#scheduled = true;
    const handle: unknown = setTimeout(() => {
      this.#scheduled = false;
      void this.collect();
    }, 0);
    // Node only: a process that is done need not collect.
    (handle as { unref?: () => void }).unref?.();
  }

  /** Collects garbage and lets finalizers run. */
  async collect(): Promise<void> {
    // What a promise's reaction touched stays alive until its turn is over.
    await turn();
    this.#platform.forceCollection();
    await turn();
    await turn();
    this.#newBuffers = 0;
    this.#newBytes = 0;
    // As with a garbage collector's heap: the more lives, the rarer it is worth a look.
    this.#allowedBytes = Math.max(fewBytes, this.#statistics.bytesInUse);
    this.#allowedBuffers = Math.max(fewBuffers, this.#statistics.buffersInUse);
  }

  /**
   * Tries until `attempt` gives something: with dropped arrays collected, then also without the temporaries of programs.
   * @throws what `failure` makes when memory stays short
   */
  async reclaimUntil<T>(
    device: Device,
    attempt: () => T | undefined | Promise<T | undefined>,
    failure: () => Error,
  ): Promise<T> {
    for (let round = 0; round < 4; round++) {
      if (round === 3) device.programs.releaseTemporaries();
      if (round > 0) {
        await this.collect();
        for (const { pool } of this.#open()) pool.trim();
      }
      const got = await attempt();
      if (device.lost) throw device.lost;
      if (got !== undefined) return got;
    }
    throw failure();
  }
}
