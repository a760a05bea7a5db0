/** Sequences on the device: their caches, filled by prompts and continued by decoding. */
import * as jax from "jaxscale";
import { type CausalLM, makeCaches } from "../model.ts";
import { int32, padded } from "../token-rows.ts";
import type { Choice, Executables, Memory, Progress } from "./executables.ts";

/** Chunks have one of these widths, so that prompts of any length need few programs. */
const bucketWidths = [16, 32, 64, 128, 256, 512] as const;
export const chunkWidth = 512;

/** Widths of the chunks for so many tokens. */
export function chunkWidths(count: number): number[] {
  const widths = new Array<number>(Math.floor(count / chunkWidth)).fill(chunkWidth);
  const rest = count % chunkWidth;
  const last = bucketWidths.find((width) => width >= rest) ?? chunkWidth;
  return rest > 0 ? [...widths, last] : widths;
}

/** Room for so many tokens a row: powers of two, then multiples of 1024, so that similar requests share programs. */
export const capacityFor = (tokens: number): number =>
  tokens > 1024 ? Math.ceil(tokens / 1024) * 1024 : 2 ** Math.ceil(Math.log2(Math.max(tokens, 64)));

/** Tokens a row that a session must hold: chunks are padded to their widths, and new tokens follow the real ones. */
export function roomFor({
  start,
  added,
  maxNewTokens,
}: {
  readonly start: number;
  readonly added: number;
  readonly maxNewTokens: number;
}): number {
  const inChunks = chunkWidths(added).reduce((sum, width) => sum + width, 0);
  return start + Math.max(inChunks, added + maxNewTokens);
}

/** Rows that grow together. Make one, `prefill`, then `decode` as often as there is room; `dispose` gives its memory back. */
export class Session {
  readonly batch: number;
  readonly #executables: Executables;
  readonly #model: CausalLM;
  #memory: Memory;
  #progress: Progress | undefined;
  #keyData: jax.Array | undefined;
  #capacity: number;
  /** Tokens of each row, and those that steps under way will add. */
  #lengths: number[];

  constructor(
    model: CausalLM,
    executables: Executables,
    {
      batch,
      capacity,
      tracksSeen,
    }: { readonly batch: number; readonly capacity: number; readonly tracksSeen: boolean },
  ) {
    this.#model = model;
    this.#executables = executables;
    this.batch = batch;
    this.#capacity = capacity;
    this.#lengths = new Array<number>(batch).fill(0);
    this.#memory = {
      caches: jax.tree.leaves<jax.Array>(makeCaches(model.config, { batch, capacity, dtype: model.dtype })),
      seen: tracksSeen ? jax.numpy.zeros([batch, model.config.vocabSize], { dtype: "bool" }) : null,
    };
  }

  /** Tokens a row that it has room for. */
  get capacity(): number {
    return this.#capacity;
  }

  get lengths(): readonly number[] {
    return this.#lengths;
  }

  /**
   * Takes in tokens, and chooses the first new one of each row.
   * @param rows token ids; several rows only in an empty session
   * @returns the tokens, int32 `[B]`
   * @throws RangeError without room
   */
  prefill(rows: readonly (readonly number[])[], choice: Choice, seed: number): jax.Array {
    const start = this.#lengths[0];
    const longest = Math.max(...rows.map((row) => row.length));
    const widths = chunkWidths(longest);
    const end = start + widths.reduce((sum, width) => sum + width, 0);
    if (rows.length !== this.batch || rows.some((row) => row.length === 0))
      throw new RangeError(
        `prefill: there must be ${this.batch} prompts with a token at least; got ${rows.map((row) => row.length).join(", ")} tokens`,
      );
    if (end > this.capacity)
      throw new RangeError(
        `prefill: the caches must have room for ${end} tokens a row; got a capacity of ${this.capacity}`,
      );
    const last = this.#fill(rows, widths, start);
    this.#lengths = rows.map((row) => start + row.length);
    this.#keyData = jax.random.prngKey(seed);
    const { seen, ...progress } = this.#executables
      .chooser(choice)
      .first(this.#executables.weights, this.#memory.seen, {
        last,
        lengths: int32(this.#lengths),
        keyData: this.#keyData,
      });
    this.#memory = { ...this.#memory, seen };
    this.#progress = progress;
    return progress.token;
  }

  #fill(rows: readonly (readonly number[])[], widths: readonly number[], start: number): jax.Array {
    const { hiddenSize } = this.#model.config;
    let last = jax.numpy.zeros([this.batch, hiddenSize], { dtype: this.#model.dtype });
    let at = 0;
    for (const width of widths) {
      const parts = rows.map((row) => row.slice(at, at + width));
      const chunk = {
        ids: int32(padded(parts, width)),
        start: int32(new Array<number>(this.batch).fill(start + at)),
        counts: int32(parts.map((part) => part.length)),
        last,
      };
      const program = start + at === 0 ? this.#executables.prefillFirst : this.#executables.prefillNext;
      const filled = program(this.#executables.weights, this.#memory, chunk);
      this.#memory = filled.memory;
      last = filled.last;
      at += width;
    }
    return last;
  }

  /**
   * Takes in the tokens chosen last, and chooses the next ones; does not wait for them.
   * @returns the tokens, int32 `[B]`
   * @throws RangeError without room
   */
  decode(choice: Choice): jax.Array {
    if (!this.#progress || !this.#keyData) throw new RangeError("decode: there must be a prompt; got none");
    const longest = Math.max(...this.#lengths);
    if (longest >= this.capacity)
      throw new RangeError(`decode: the caches must have room for another token; got ${longest} of ${this.capacity}`);
    const { counters, token } = this.#progress;
    const { memory, ...progress } = this.#executables
      .chooser(choice)
      .next(this.#executables.weights, this.#memory, counters, token, this.#keyData);
    this.#memory = memory;
    this.#progress = progress;
    this.#lengths = this.#lengths.map((length) => length + 1);
    return progress.token;
  }

  /**
   * Forgets what lies behind a prefix of its tokens, in a session of one row; `prefill` goes on from there.
   * @param kept the prefix: token ids that are in the caches
   */
  rewind(kept: readonly number[]): void {
    if (this.batch !== 1 || kept.length > this.#lengths[0])
      throw new RangeError(
        `rewind: there must be one row with the ${kept.length} tokens to keep; got ${this.batch} with ${this.#lengths.join(", ")}`,
      );
    this.#lengths = [kept.length];
    this.#progress = undefined;
    const { seen } = this.#memory;
    if (!seen) return;
    const occurs = new Array<boolean>(this.#model.config.vocabSize).fill(false);
    for (const id of kept) occurs[id] = true;
    seen.dispose();
    this.#memory = { ...this.#memory, seen: jax.numpy.array([occurs], { dtype: "bool" }) };
  }

  /** Makes room for more tokens a row; what the caches hold stays. Programs for the new size compile at their first use. */
  grow(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const { batch } = this;
    const larger = jax.tree.leaves<jax.Array>(
      makeCaches(this.#model.config, { batch, capacity, dtype: this.#model.dtype }),
    );
    const caches = this.#memory.caches.map((cache, i) => {
      const grown = jax.lax.dynamicUpdateSlice(
        larger[i],
        cache,
        cache.shape.map(() => 0),
      );
      for (const array of [cache, larger[i]]) array.dispose();
      return grown;
    });
    this.#memory = { ...this.#memory, caches };
    this.#capacity = capacity;
  }

  dispose(): void {
    for (const array of [...this.#memory.caches, this.#memory.seen]) array?.dispose();
  }
}
