/** A model moved by hand, a program at a time, so that each can be timed alone and at any number of tokens present. */
import { type LanguageModel, makeCaches } from "@jaxscale/models";
import * as jax from "jaxscale";

type Executables = LanguageModel["executables"];
type Chooser = ReturnType<Executables["chooser"]>;
type Memory = Parameters<Chooser["next"]>[1];
type Progress = Omit<ReturnType<Chooser["next"]>, "memory">;

const int32 = (values: number | readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(values as number[], { dtype: "int32" });

/** Greedy, one row. What the caches hold does not matter for time, so they are not filled first. */
export class Stepper {
  readonly #executables: Executables;
  readonly #chooser: Chooser;
  readonly #language: LanguageModel;
  readonly #keyData = jax.random.prngKey(0);
  #memory: Memory;

  constructor(language: LanguageModel, capacity: number) {
    const { model, executables, generation } = language;
    this.#language = language;
    this.#executables = executables;
    const { temperature, topK, topP } = generation;
    const sampling = { doSample: false, temperature, topK, topP, repetitionPenalty: 1 };
    this.#chooser = executables.chooser({ ...sampling, eosTokenIds: [], padTokenId: 0 });
    const caches = jax.tree.leaves<jax.Array>(makeCaches(model.config, { batch: 1, capacity, dtype: model.dtype }));
    this.#memory = { caches, seen: null };
  }

  /** Where a step stands that takes in one more token. @param present tokens, that one included */
  at(present: number): Progress {
    const done = jax.numpy.array([false]);
    const count = jax.numpy.array(0, { dtype: "uint32" });
    return { counters: { lengths: int32([present - 1]), done, count }, token: int32([1]) };
  }

  /** Launches a step and does not wait. */
  decode({ counters, token }: Progress): Progress {
    const { weights } = this.#executables;
    const { memory, ...after } = this.#chooser.next(weights, this.#memory, counters, token, this.#keyData);
    this.#memory = memory;
    return after;
  }

  /** Takes in a prompt that fills a bucket, and chooses the token behind it. */
  prefill(tokens: number): jax.Array {
    const { config, model } = this.#language;
    const last = jax.numpy.zeros([1, config.hiddenSize], { dtype: model.dtype });
    const ids = int32([Array.from({ length: tokens }, (_, i) => (7919 * (i + 1)) % config.vocabSize)]);
    const chunk = { ids, start: int32([0]), counts: int32([tokens]), last };
    const filled = this.#executables.prefillFirst(this.#executables.weights, this.#memory, chunk);
    this.#memory = filled.memory;
    const input = { last: filled.last, lengths: int32([tokens]), keyData: this.#keyData };
    return this.#chooser.first(this.#executables.weights, null, input).token;
  }

  /** Distinct kernels of the program of a step. */
  pipelines(): number {
    const { counters, token } = this.at(64);
    return this.#chooser.next.lower(this.#executables.weights, this.#memory, counters, token, this.#keyData).program()
      .kernels.length;
  }

  dispose(): void {
    for (const cache of this.#memory.caches) cache.dispose();
  }
}
