/** Work that waits, in order, for the device, for pipelines or for memory. Empty in the steady state. */
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";

export interface Task {
  /** Starts what can go on while it waits; must not throw. */
  prepare(device: Device): void;
  perform(device: Device): Promise<void> | void;
  fail(error: Error): void;
}

export class LaunchQueue {
  readonly #acquire: () => Promise<Device>;
  readonly #tasks: Task[] = [];
  #idle: Promise<void> | undefined;
  #awaitsOthers = false;

  constructor(acquire: () => Promise<Device>) {
    this.#acquire = acquire;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#tasks.length === 0;
  }

  /** Whether a call may be submitted that needs nothing of what waits: none does, or the first waits for other GPUs. */
  get open(): boolean {
    return this.#tasks.length === 0 || this.#awaitsOthers;
  }

  /** Awaits what the task under way needs from other GPUs. */
  async others<T>(answer: Promise<T>): Promise<T> {
    this.#awaitsOthers = true;
    try {
      return await answer;
    } finally {
      this.#awaitsOthers = false;
    }
  }

  /** Settles when all that is queued now has been performed or has failed. */
  async drained(): Promise<void> {
    while (this.#idle) await this.#idle;
  }

  push(task: Task, device: Device | undefined): void {
    this.#tasks.push(task);
    if (device) task.prepare(device);
    this.#idle ??= keepAlive(this.#drain());
  }

  async #drain(): Promise<void> {
    let prepared: Device | undefined;
    for (;;) {
      const task = this.#tasks[0];
      if (task === undefined) break;
      let device: Device;
      try {
        device = await this.#acquire();
      } catch (error) {
        // One reason for all: asking again for each would take long and say the same.
        for (const waiting of this.#tasks.splice(0)) waiting.fail(asError(error));
        break;
      }
      try {
        if (device !== prepared) for (const waiting of this.#tasks) waiting.prepare(device);
        prepared = device;
        await task.perform(device);
      } catch (error) {
        task.fail(asError(error));
      }
      this.#tasks.shift();
    }
    this.#idle = undefined;
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
