/** Errors of queued work that no read has reported; each is warned of once, when its last holder goes or the process ends. */
import type { Platform } from "./platform.ts";

export class UnreadErrors {
  readonly #unread = new Set<Error>();
  readonly #warn: (message: string) => void;
  #watchesExit = false;
  /** Many calls fail for one reason. */
  #warned: string | undefined;

  constructor(warn: (message: string) => void = (message) => console.warn(message)) {
    this.#warn = warn;
  }

  stored(error: Error, platform: Platform): void {
    this.#unread.add(error);
    if (this.#watchesExit) return;
    this.#watchesExit = true;
    platform.onExit(() => {
      for (const unread of this.#unread) this.dropped(unread);
    });
  }

  read(error: Error): void {
    this.#unread.delete(error);
  }

  /** The array that carried it is gone. */
  dropped(error: Error): void {
    if (!this.#unread.delete(error) || this.#warned === error.message) return;
    this.#warned = error.message;
    this.#warn(`jaxscale: an error that nobody read: ${error.message}`);
  }
}
