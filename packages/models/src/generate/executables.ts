/** The programs of generation: each is compiled once for its shapes, and runs as one submit. */
import * as jax from "jaxscale";
import { type Caches, type CausalLM, makeCaches } from "../model.ts";
import { chooseTokens, markSeen, needsSeen, type Sampling } from "./sampling.ts";

/** What a program may write over: caches of all layers, and the tokens that occurred (none without a penalty). */
export interface Memory {
  readonly caches: readonly jax.Array[];
  readonly seen: jax.Array | null;
}

/** What each step hands to the next, which writes over it; on the device. */
export interface Counters {
  /** Tokens in the caches, int32 `[B]`. */
  readonly lengths: jax.Array;
  /** Whether a row has ended, bool `[B]`. */
  readonly done: jax.Array;
  /** Steps so far, uint32. */
  readonly count: jax.Array;
}

/** What does not change within one generation. */
export interface Choice extends Sampling {
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number;
}

type Weights = readonly jax.Array[];

/** Programs of one model; caches have the structure that its first call gives. */
export class Executables {
  readonly weights: Weights;
  readonly #model: ReturnType<typeof jax.tree.structure>;
  readonly #caches: ReturnType<typeof jax.tree.structure>;
  readonly #choosers = new Map<string, Chooser>();
  readonly prefillFirst: jax.Jitted<(weights: Weights, memory: Memory, chunk: Chunk) => Filled>;
  readonly prefillNext: jax.Jitted<(weights: Weights, memory: Memory, chunk: Chunk) => Filled>;

  constructor(model: CausalLM) {
    const [weights, structure] = jax.tree.flatten<jax.Array>(model);
    this.weights = weights;
    this.#model = structure;
    this.#caches = jax.tree.structure(makeCaches(model.config, { batch: 1, capacity: 1, dtype: model.dtype }));
    const prefill = (isFirst: boolean) =>
      jax.jit((w: Weights, memory: Memory, chunk: Chunk) => this.#prefill(w, memory, chunk, isFirst), {
        donateArgnums: 1,
        name: isFirst ? "prefill" : "prefill_next",
      });
    this.prefillFirst = prefill(true);
    this.prefillNext = prefill(false);
  }

  /** Programs that choose tokens; one pair for each way to choose. */
  chooser(choice: Choice): Chooser {
    const key = JSON.stringify(choice);
    let found = this.#choosers.get(key);
    if (!found) {
      found = this.#makeChooser(choice);
      this.#choosers.set(key, found);
    }
    return found;
  }

  #prefill(weights: Weights, memory: Memory, chunk: Chunk, isFirst: boolean): Filled {
    const model = this.#modelOf(weights);
    const caches = jax.tree.unflatten<Caches>(this.#caches, memory.caches);
    const { ids, start, counts, last } = chunk;
    const hidden = model.call(ids, { start: isFirst ? undefined : start, caches });
    // Rows end in different chunks; each keeps the state of its last token.
    const [batch, width] = ids.shape;
    const place = counts.sub(1).clip(0, width - 1);
    const rows = jax.numpy.arange(batch, { dtype: "int32" });
    const ending = hidden.at(rows, place).get();
    return {
      memory: {
        caches: jax.tree.leaves<jax.Array>(caches),
        seen: memory.seen && markSeen(memory.seen, ids, counts),
      },
      last: jax.numpy.where(counts.greater(0).reshape(batch, 1), ending, last),
    };
  }

  #makeChooser(choice: Choice): Chooser {
    const first = (weights: Weights, seen: jax.Array | null, input: FirstInput): First => {
      const logits = this.#modelOf(weights).logits(input.last);
      const count = jax.numpy.array(0, { dtype: "uint32" });
      const done = jax.numpy.zeros([input.last.shape[0]], { dtype: "bool" });
      return this.#advance(logits, seen, { ...input, done, count }, choice);
    };
    const next: NextToken = (weights, memory, counters, token, keyData) => {
      const model = this.#modelOf(weights);
      const caches = jax.tree.unflatten<Caches>(this.#caches, memory.caches);
      const { lengths } = counters;
      const hidden = model.call(jax.numpy.expandDims(token, 1), { start: lengths, caches });
      const logits = model.logits(hidden.squeeze(1));
      const { seen, ...progress } = this.#advance(
        logits,
        memory.seen,
        { ...counters, lengths: lengths.add(1), keyData },
        choice,
      );
      return { memory: { caches: jax.tree.leaves<jax.Array>(caches), seen }, ...progress };
    };
    return {
      first: jax.jit(first, { donateArgnums: 1, name: "first_token" }),
      next: jax.jit(next, { donateArgnums: [1, 2, 3], name: "decode" }),
    };
  }

  /** Chooses tokens; rows that have ended get padding. */
  #advance(
    logits: jax.Array,
    seen: jax.Array | null,
    { keyData, lengths, done, count }: Counters & { readonly keyData: jax.Array },
    choice: Choice,
  ): First {
    const key = jax.random.foldIn(jax.random.wrapKeyData(keyData), count);
    const chosen = chooseTokens(logits, seen, choice, key);
    const token = jax.numpy.where(done, jax.numpy.array(choice.padTokenId, { dtype: "int32" }), chosen);
    const ends = choice.eosTokenIds.reduce<jax.Array>((any, id) => any.or(token.equal(id)), done);
    return {
      seen: needsSeen(choice) && seen ? markSeen(seen, jax.numpy.expandDims(token, 1)) : seen,
      // Before the token: buffers that are taken over go to the first result that they fit.
      counters: { lengths, done: ends, count: count.add(jax.numpy.array(1, { dtype: "uint32" })) },
      token,
    };
  }

  #modelOf(weights: Weights): CausalLM {
    return jax.tree.unflatten<CausalLM>(this.#model, weights);
  }
}

/** Part of the prompts. */
export interface Chunk {
  /** int32 `[B,T]`, padded behind. */
  readonly ids: jax.Array;
  /** Place of the first, int32 `[B]`. */
  readonly start: jax.Array;
  /** Tokens of each row in this chunk, int32 `[B]`. */
  readonly counts: jax.Array;
  /** State of each row's last token so far, `[B,H]`. */
  readonly last: jax.Array;
}
export interface Filled {
  readonly memory: Memory;
  readonly last: jax.Array;
}
interface FirstInput {
  readonly last: jax.Array;
  readonly lengths: jax.Array;
  readonly keyData: jax.Array;
}
/** The token that each row takes in next, int32 `[B]`, and where that is. */
export interface Progress {
  readonly counters: Counters;
  readonly token: jax.Array;
}
interface First extends Progress {
  readonly seen: jax.Array | null;
}
interface Advanced extends Progress {
  readonly memory: Memory;
}
type NextToken = (
  weights: Weights,
  memory: Memory,
  counters: Counters,
  token: jax.Array,
  keyData: jax.Array,
) => Advanced;
export interface Chooser {
  readonly first: jax.Jitted<(weights: Weights, seen: jax.Array | null, input: FirstInput) => First>;
  readonly next: jax.Jitted<NextToken>;
}
