/** What a generation took. */

export interface Usage {
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly timeToFirstTokenMs: number;
  readonly decodeMs: number;
  readonly prefillTokensPerSecond: number;
  /** Of all rows together, the first token not counted. */
  readonly decodeTokensPerSecond: number;
}

/** Counts tokens and time, from when it is made. */
export class Meter {
  readonly #promptTokens: number;
  readonly #startedAt = performance.now();
  #firstAt = 0;
  #lastAt = 0;
  #newTokens = 0;
  #decoded = 0;

  /** @param promptTokens that are taken in, of all rows together */
  constructor(promptTokens: number) {
    this.#promptTokens = promptTokens;
  }

  /** A step has been read. @param active rows that it gave a token */
  count(active: readonly boolean[]): void {
    const rows = active.filter((x) => x).length;
    this.#lastAt = performance.now();
    if (this.#newTokens === 0) this.#firstAt = this.#lastAt;
    else this.#decoded += rows;
    this.#newTokens += rows;
  }

  usage(): Usage {
    const firstAt = this.#newTokens === 0 ? performance.now() : this.#firstAt;
    const timeToFirstTokenMs = firstAt - this.#startedAt;
    const decodeMs = this.#newTokens === 0 ? 0 : this.#lastAt - firstAt;
    return {
      promptTokens: this.#promptTokens,
      newTokens: this.#newTokens,
      timeToFirstTokenMs,
      decodeMs,
      prefillTokensPerSecond: timeToFirstTokenMs > 0 ? (1000 * this.#promptTokens) / timeToFirstTokenMs : 0,
      decodeTokensPerSecond: decodeMs > 0 ? (1000 * this.#decoded) / decodeMs : 0,
    };
  }
}
