/** Sequences on the device: their caches, filled by prompts and continued by decoding. */
import * as jax from "jaxscale";
import { type CausalLM, makeCaches } from "../model.ts";
import { filledUp } from "../parallel/model-mesh.ts";
import { int32, padded } from "../token-rows.ts";
import { Choosing } from "./choosing.ts";
import type { Choice, DecodeState, Executables } from "./executables.ts";

/** Chunks have one of these widths, so that prompts of any length need few programs. */
const bucketWidths = [16, 32, 64, 128, 256, 512] as const;
const chunkWidth = 512;

/** Widths of the chunks for so many tokens. */
export function chunkWidths(count: number): number[] {
  const widths = new Array<number>(Math.floor(count / chunkWidth)).fill(chunkWidth);
  const rest = count % chunkWidth;
  const last = bucketWidths.find((width) => width >= rest) ?? chunkWidth;
  return rest > 0 ? [...widths, last] : widths;
}

/** So many tokens with the padding of their chunks. */
export const paddedWidth = (count: number): number => chunkWidths(count).reduce((sum, width) => sum + width, 0);

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
  return start + Math.max(paddedWidth(added), added + maxNewTokens);
}

/** Of sequences. */
export interface SequencesSize {
  readonly batch: number;
  /** Tokens a row, padding included. */
  readonly capacity: number;
  /** Whether tokens that occurred have to be known, as for a penalty. */
  readonly tracksSeen: boolean;
}

/** Rows that grow together, each by the token that is chosen for it. */
export interface Sequences {
  /** Takes in tokens, for the first new one of each row to be chosen. */
  prefill(prompts: readonly (readonly number[])[], choice: Choice, seed: number): void;
  /** Chooses the next token of each row and does not wait for it; int32 `[B]`, those of rows that fill the batch up behind the others. */
  choose(): jax.Array;
  /** Takes in the tokens chosen last. @throws RangeError without room */
  advance(): void;
  dispose(): void;
}

/**
 * Rows that grow together. Make one and `prefill`; then `choose` tokens and `advance` by them in turn, as often as there is room.
 * `dispose` gives its memory back.
 */
export class Session implements Sequences {
  readonly batch: number;
  /** Those and as many more that the mesh divides them. */
  readonly #rows: number;
  readonly #executables: Executables;
  readonly #model: CausalLM;
  #caches: readonly jax.Array[];
  readonly #choosing: Choosing;
  /** Logits that wait for a choice; the caches are those above. */
  #logits: jax.Array | undefined;
  #deviceLengths: jax.Array | undefined;
  #capacity: number;
  /** Tokens of each row, and those that steps under way will add. */
  #lengths: number[];

  constructor(model: CausalLM, executables: Executables, { batch, capacity, tracksSeen }: SequencesSize) {
    this.#model = model;
    this.#executables = executables;
    this.batch = batch;
    this.#capacity = capacity;
    this.#lengths = [...filledUp(new Array<number>(batch).fill(0), model.mesh)];
    this.#rows = this.#lengths.length;
    this.#caches = jax.tree.leaves<jax.Array>(
      makeCaches(model.config, { batch: this.#rows, capacity, dtype: model.cacheDtype }, model.mesh),
    );
    this.#choosing = new Choosing(executables, { rows: this.#rows, vocabSize: model.config.vocabSize, tracksSeen });
  }

  /** Tokens a row that it has room for. */
  get capacity(): number {
    return this.#capacity;
  }

  get lengths(): readonly number[] {
    return this.#lengths;
  }

  /**
   * Takes in tokens, for the first new one of each row to be chosen.
   * @param prompts token ids, one list a row; several only in an empty session
   * @throws RangeError without room
   */
  prefill(prompts: readonly (readonly number[])[], choice: Choice, seed: number): void {
    const start = this.#lengths[0];
    const longest = Math.max(...prompts.map((row) => row.length));
    const widths = chunkWidths(longest);
    const end = start + widths.reduce((sum, width) => sum + width, 0);
    if (prompts.length !== this.batch || prompts.some((row) => row.length === 0))
      throw new RangeError(
        `prefill: there must be ${this.batch} prompts with a token at least; got ${prompts.map((row) => row.length).join(", ")} tokens`,
      );
    if (end > this.capacity)
      throw new RangeError(
        `prefill: the caches must have room for ${end} tokens a row; got a capacity of ${this.capacity}`,
      );
    const rows = filledUp(prompts, this.#model.mesh);
    const last = this.#fill(rows, widths, start);
    this.#lengths = rows.map((row) => start + row.length);
    this.#deviceLengths = int32(this.#lengths);
    this.#logits = this.#executables.head(this.#executables.weights, last);
    this.#choosing.begin(choice, seed);
  }

  #fill(rows: readonly (readonly number[])[], widths: readonly number[], start: number): jax.Array {
    const { hiddenSize } = this.#model.config;
    let last = jax.numpy.zeros([this.#rows, hiddenSize], { dtype: this.#model.dtype });
    let at = 0;
    for (const width of widths) {
      const parts = rows.map((row) => row.slice(at, at + width));
      const chunk = {
        ids: int32(padded(parts, width)),
        start: int32(new Array<number>(this.#rows).fill(start + at)),
        counts: int32(parts.map((part) => part.length)),
      };
      const program = start + at === 0 ? this.#executables.prefillFirst : this.#executables.prefillNext;
      const filled = program(this.#executables.weights, { caches: this.#caches, last }, chunk);
      this.#choosing.markSeen(chunk.ids, chunk.counts);
      this.#caches = filled.caches;
      last = filled.last;
      at += width;
    }
    return last;
  }

  /**
   * Chooses the next token of each row, once for each `prefill` and each `advance`; does not wait for it.
   * @returns the tokens, int32 `[B]`, those of rows that fill the batch up behind the others
   */
  choose(): jax.Array {
    if (!this.#logits) throw new RangeError("choose: there must be a prompt; got none");
    return this.#choosing.choose(this.#logits);
  }

  /** Takes in the tokens chosen last. @throws RangeError without room */
  advance(): void {
    const { token } = this.#choosing;
    if (!this.#logits || !this.#deviceLengths || !token)
      throw new RangeError("advance: there must be a prompt; got none");
    const longest = Math.max(...this.#lengths);
    if (longest >= this.capacity)
      throw new RangeError(`advance: the caches must have room for another token; got ${longest} of ${this.capacity}`);
    const state: DecodeState = { caches: this.#caches, logits: this.#logits, lengths: this.#deviceLengths };
    const next = this.#executables.decode(this.#executables.weights, state, token);
    this.#caches = next.caches;
    this.#logits = next.logits;
    this.#deviceLengths = next.lengths;
    this.#lengths = this.#lengths.map((length) => length + 1);
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
    this.#lengths = this.#lengths.map(() => kept.length);
    this.#logits = undefined;
    this.#choosing.resetSeen(kept);
  }

  /** Makes room for more tokens a row; what the caches hold stays. Programs for the new size compile at their first use. */
  grow(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const batch = this.#rows;
    const larger = jax.tree.leaves<jax.Array>(
      makeCaches(this.#model.config, { batch, capacity, dtype: this.#model.cacheDtype }, this.#model.mesh),
    );
    this.#caches = this.#caches.map((cache, i) => {
      const grown = jax.lax.dynamicUpdateSlice(
        larger[i],
        cache,
        cache.shape.map(() => 0),
      );
      for (const array of [cache, larger[i]]) array.dispose();
      return grown;
    });
    this.#capacity = capacity;
  }

  dispose(): void {
    for (const array of [...this.#caches, this.#logits]) array?.dispose();
    this.#choosing.dispose();
  }
}
