/** A model moved by hand, a program at a time, so that each can be timed alone and at any number of tokens present. */
import { type LanguageModel, makeCaches } from "@jaxscale/models";
import * as jax from "jaxscale";

type Executables = LanguageModel["executables"];
type Choose = ReturnType<Executables["chooser"]>;
type DecodeState = Parameters<Executables["decode"]>[1];
type ChoiceState = Parameters<Choose>[1];
type Settings = Parameters<Choose>[2];

/** Between two steps: logits that wait for a choice, and what was chosen last. */
interface Progress {
  readonly state: Omit<DecodeState, "caches">;
  readonly chosen: ChoiceState;
}

const int32 = (values: number | readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(values as number[], { dtype: "int32" });

/** Greedy, one row. What the caches hold does not matter for time, so they are not filled first. */
export class Stepper {
  readonly #executables: Executables;
  readonly #choose: Choose;
  readonly #settings: Settings;
  readonly #language: LanguageModel;
  #caches: readonly jax.Array[];

  constructor(language: LanguageModel, capacity: number) {
    const { model, executables } = language;
    this.#language = language;
    this.#executables = executables;
    this.#choose = executables.chooser({ draws: false, largestTopK: 0, filtersTopP: false });
    const one = jax.numpy.ones([1], { dtype: "float32" });
    this.#settings = {
      sampling: {
        doSample: jax.numpy.array([false]),
        temperature: one,
        topK: int32([0]),
        droppedMass: jax.numpy.zeros([1], { dtype: "float32" }),
        repetitionPenalty: one,
      },
      eosTokenIds: int32(new Array<number>(8).fill(-1)),
      padTokenId: int32(0),
      keyData: jax.random.prngKey(0),
    };
    this.#caches = jax.tree.leaves<jax.Array>(makeCaches(model.config, { batch: 1, capacity, dtype: model.dtype }));
  }

  /** Where a step stands that takes in one more token. @param present tokens, that one included */
  at(present: number): Progress {
    const logits = jax.numpy.zeros([1, this.#language.config.vocabSize], { dtype: "float32" });
    return { state: { logits, lengths: int32([present - 1]) }, chosen: this.#nothingChosen() };
  }

  #nothingChosen(): ChoiceState {
    return {
      seen: null,
      done: jax.numpy.array([false]),
      count: jax.numpy.array(0, { dtype: "uint32" }),
      token: int32([0]),
    };
  }

  /** Launches a step and does not wait: the choice of a token and its way through the model, in the order of generation. */
  decode({ state, chosen }: Progress): Progress {
    const after = this.#choose(state.logits, chosen, this.#settings);
    const given = { caches: this.#caches, ...state };
    const { caches, ...next } = this.#executables.decode(this.#executables.weights, given, after.token);
    this.#caches = caches;
    return { state: next, chosen: after };
  }

  /** Takes in a prompt that fills a bucket, and chooses the token behind it. */
  prefill(tokens: number): jax.Array {
    const { config, model } = this.#language;
    const { weights, head, prefillFirst } = this.#executables;
    const last = jax.numpy.zeros([1, config.hiddenSize], { dtype: model.dtype });
    const ids = int32([Array.from({ length: tokens }, (_, i) => (7919 * (i + 1)) % config.vocabSize)]);
    const chunk = { ids, start: int32([0]), counts: int32([tokens]) };
    const filled = prefillFirst(weights, { caches: this.#caches, last }, chunk);
    this.#caches = filled.caches;
    return this.#choose(head(weights, filled.last), this.#nothingChosen(), this.#settings).token;
  }

  /** Distinct kernels of the programs of a step. */
  pipelines(): number {
    const { state, chosen } = this.at(64);
    const { weights, decode } = this.#executables;
    return (
      decode.lower(weights, { caches: this.#caches, ...state }, chosen.token).program().kernels.length +
      this.#choose.lower(state.logits, chosen, this.#settings).program().kernels.length
    );
  }

  dispose(): void {
    for (const cache of this.#caches) cache.dispose();
  }
}
