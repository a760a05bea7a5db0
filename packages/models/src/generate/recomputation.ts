/** Sequences without caches: every step computes all tokens anew. */
import type * as jax from "jaxscale";
import type { CausalLM } from "../model.ts";
import { filledUp } from "../parallel/model-mesh.ts";
import { int32, padded } from "../token-rows.ts";
import { Choosing } from "./choosing.ts";
import type { Choice, Executables, TokenRows } from "./executables.ts";
import { paddedWidth, type Sequences, type SequencesSize } from "./session.ts";

/** Gives the tokens that a `Session` gives. A step costs as much as a prompt of all tokens so far; its program is that of their padded width. */
export class Recomputation implements Sequences {
  readonly #executables: Executables;
  readonly #model: CausalLM;
  readonly #capacity: number;
  readonly #choosing: Choosing;
  /** Tokens of the longest row. */
  #longest = 0;
  #rows: TokenRows | undefined;
  #logits: jax.Array | undefined;

  constructor(model: CausalLM, executables: Executables, { batch, capacity, tracksSeen }: SequencesSize) {
    this.#model = model;
    this.#executables = executables;
    this.#capacity = capacity;
    const rows = filledUp(new Array<number>(batch).fill(0), model.mesh).length;
    this.#choosing = new Choosing(executables, { rows, vocabSize: model.config.vocabSize, tracksSeen });
  }

  prefill(prompts: readonly (readonly number[])[], choice: Choice, seed: number): void {
    const rows = filledUp(prompts, this.#model.mesh);
    this.#longest = Math.max(...rows.map((row) => row.length));
    const ids = int32(padded(rows, this.#capacity));
    const lengths = int32(rows.map((row) => row.length));
    this.#rows = { ids, lengths };
    this.#choosing.markSeen(ids, lengths);
    this.#choosing.begin(choice, seed);
    this.#compute(this.#rows);
  }

  choose(): jax.Array {
    if (!this.#logits) throw new RangeError("choose: there must be a prompt; got none");
    return this.#choosing.choose(this.#logits);
  }

  advance(): void {
    const { token } = this.#choosing;
    if (!this.#rows || !token) throw new RangeError("advance: there must be a prompt; got none");
    if (this.#longest >= this.#capacity)
      throw new RangeError(`advance: there must be room for another token; got ${this.#longest} of ${this.#capacity}`);
    this.#longest++;
    this.#rows = this.#executables.append(this.#rows, token);
    this.#compute(this.#rows);
  }

  #compute(rows: TokenRows): void {
    this.#logits?.dispose();
    this.#logits = this.#executables.recompute(this.#executables.weights, rows, paddedWidth(this.#longest));
  }

  dispose(): void {
    for (const array of [this.#rows?.ids, this.#rows?.lengths, this.#logits]) array?.dispose();
    this.#choosing.dispose();
  }
}
