/** The programs of generation: prompts and decoding on one side, the choice of tokens on the other. Each is compiled once for its shapes. */
import * as jax from "jaxscale";
import { type Caches, type CausalLM, layOutCaches, makeCaches } from "../model.ts";
import { laidOut, type ModelMesh } from "../parallel/model-mesh.ts";
import { chooseTokens, markSeen, type Sampling, type SamplingKind, type SamplingSettings } from "./sampling.ts";

/** How tokens are chosen, and when a row ends. */
export interface Choice extends Sampling {
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number;
}

/** The same on the device. */
export interface ChoiceSettings {
  readonly sampling: SamplingSettings;
  /** int32 `[E]`; places that hold none are -1. */
  readonly eosTokenIds: jax.Array;
  /** int32 */
  readonly padTokenId: jax.Array;
  /** Of the generation's seed, uint32 `[2]`. */
  readonly keyData: jax.Array;
}

/** What decoding writes over. */
export interface DecodeState {
  readonly caches: readonly jax.Array[];
  /** For the next token, float32 `[B,V]`. */
  readonly logits: jax.Array;
  /** Tokens in the caches, int32 `[B]`. */
  readonly lengths: jax.Array;
}

/** What choosing writes over. */
export interface ChoiceState {
  /** Which tokens occurred, bool `[B,V]`; none without a penalty. */
  readonly seen: jax.Array | null;
  /** Whether a row has ended, bool `[B]`. */
  readonly done: jax.Array;
  /** Tokens a row so far, uint32. */
  readonly count: jax.Array;
  /** Chosen last, int32 `[B]`. */
  readonly token: jax.Array;
}

/** Part of the prompts. */
export interface Chunk {
  /** int32 `[B,T]`, padded behind. */
  readonly ids: jax.Array;
  /** Place of the first, int32 `[B]`. */
  readonly start: jax.Array;
  /** Tokens of each row in this chunk, int32 `[B]`. */
  readonly counts: jax.Array;
}

/** What prompts leave behind. */
export interface Filled {
  readonly caches: readonly jax.Array[];
  /** State of each row's last token so far, `[B,H]`. */
  readonly last: jax.Array;
}

/** Tokens of rows that are computed anew at every step. */
export interface TokenRows {
  /** int32 `[B,T]`, padded behind. */
  readonly ids: jax.Array;
  /** Tokens of each row, int32 `[B]`. */
  readonly lengths: jax.Array;
}

/** Makes programs of functions. */
export type Jit = typeof jax.jit;

type Weights = readonly jax.Array[];
type Prefill = jax.Jitted<(weights: Weights, filled: Filled, chunk: Chunk) => Filled>;
type Choose = jax.Jitted<(logits: jax.Array, state: ChoiceState, settings: ChoiceSettings) => ChoiceState>;

/**
 * Programs of one model; caches have the structure that its first call gives.
 * They are `jax.jit` of flat weights: `nnx.jit` walks the model at every call, which adds 0.1 ms a step for 79 parameters and
 * grows with them.
 */
export class Executables {
  readonly weights: Weights;
  readonly #model: ReturnType<typeof jax.tree.structure>;
  readonly #caches: ReturnType<typeof jax.tree.structure>;
  readonly #mesh: ModelMesh | null;
  readonly #choosers = new Map<string, Choose>();
  readonly prefillFirst: Prefill;
  readonly prefillNext: Prefill;
  /** Logits for the first new token. */
  readonly head: jax.Jitted<(weights: Weights, last: jax.Array) => jax.Array>;
  /** Takes in the tokens chosen last. */
  readonly decode: jax.Jitted<(weights: Weights, state: DecodeState, token: jax.Array) => DecodeState>;
  /** Logits for the next token from all tokens so far, without caches. @param width static: columns that hold tokens */
  readonly recompute: jax.Jitted<(weights: Weights, rows: TokenRows, width: number) => jax.Array>;
  /** Writes the tokens chosen last behind the others. */
  readonly append: jax.Jitted<(rows: TokenRows, token: jax.Array) => TokenRows>;
  readonly markSeen: jax.Jitted<typeof markSeen>;
  readonly #jit: Jit;

  /** @param jit makes the programs: `jax.jit`, or what stands for it to measure what it does */
  constructor(model: CausalLM, jit: Jit = jax.jit) {
    this.#jit = jit;
    const [weights, structure] = jax.tree.flatten<jax.Array>(model);
    this.weights = weights;
    this.#model = structure;
    this.#mesh = model.mesh;
    this.#caches = jax.tree.structure(makeCaches(model.config, { batch: 1, capacity: 1, dtype: model.cacheDtype }));
    const prefill = (isFirst: boolean): Prefill =>
      jit((w: Weights, filled: Filled, chunk: Chunk) => this.#prefill(w, filled, chunk, isFirst), {
        donateArgnums: 1,
        name: isFirst ? "prefill" : "prefill_next",
      });
    this.prefillFirst = prefill(true);
    this.prefillNext = prefill(false);
    this.head = jit((w: Weights, last: jax.Array) => laidOut(this.#modelOf(w).logits(last), logitsAxes, this.#mesh), {
      name: "head",
    });
    this.decode = jit((w: Weights, state: DecodeState, token: jax.Array) => this.#decode(w, state, token), {
      donateArgnums: 1,
      name: "decode",
    });
    this.recompute = jit(
      (w: Weights, rows: TokenRows, width: number) => this.#recompute(this.#modelOf(w), rows, width),
      { staticArgnums: 2, name: "recompute" },
    );
    this.markSeen = jit(markSeen, { donateArgnums: 0, name: "mark_seen" });
    this.append = jit((rows: TokenRows, token: jax.Array) => this.#append(rows, token), {
      donateArgnums: 0,
      name: "append",
    });
  }

  /** The program that chooses tokens in a way; the cheapest way is greedy. */
  chooser(kind: SamplingKind): Choose {
    const key = JSON.stringify(kind);
    let found = this.#choosers.get(key);
    if (!found) {
      found = this.#jit(
        (logits: jax.Array, state: ChoiceState, settings: ChoiceSettings) =>
          jax.namedScope("sampling", () => choose(logits, state, settings, { kind, mesh: this.#mesh })),
        { donateArgnums: 1, name: kind.draws ? "choose_drawn" : "choose_likeliest" },
      );
      this.#choosers.set(key, found);
    }
    return found;
  }

  #prefill(weights: Weights, filled: Filled, { ids, start, counts }: Chunk, isFirst: boolean): Filled {
    const caches = jax.tree.unflatten<Caches>(this.#caches, filled.caches);
    // Rows end in different chunks; each keeps the state of its last token.
    const [batch, width] = ids.shape;
    const wanted = counts.sub(1).clip(0, width - 1);
    const ending = this.#modelOf(weights)
      .call(ids, { start: isFirst ? undefined : start, caches, wanted })
      .squeeze(1);
    const before = laidOut(filled.last, ["batch", null], this.#mesh);
    layOutCaches(caches, this.#mesh);
    return {
      caches: jax.tree.leaves<jax.Array>(caches),
      last: jax.numpy.where(counts.greater(0).reshape(batch, 1), ending, before),
    };
  }

  #decode(weights: Weights, state: DecodeState, token: jax.Array): DecodeState {
    const model = this.#modelOf(weights);
    const caches = jax.tree.unflatten<Caches>(this.#caches, state.caches);
    const hidden = model.call(jax.numpy.expandDims(token, 1), { start: state.lengths, caches });
    layOutCaches(caches, this.#mesh);
    return {
      caches: jax.tree.leaves<jax.Array>(caches),
      logits: laidOut(model.logits(hidden.squeeze(1)), logitsAxes, this.#mesh),
      lengths: laidOut(state.lengths.add(1), ["batch"], this.#mesh),
    };
  }

  #recompute(model: CausalLM, { ids, lengths }: TokenRows, width: number): jax.Array {
    const hidden = model.call(ids.slice(":", jax.slice(0, width)));
    const last = jax.numpy.takeAlongAxis(hidden, lengths.sub(1).reshape(-1, 1, 1), { axis: 1 }).squeeze(1);
    return laidOut(model.logits(last), logitsAxes, this.#mesh);
  }

  #append({ ids, lengths }: TokenRows, token: jax.Array): TokenRows {
    const rows = jax.numpy.arange(ids.shape[0], { dtype: "int32" });
    return {
      ids: laidOut(ids.at(rows, lengths).set(token), ["batch", null], this.#mesh),
      lengths: laidOut(lengths.add(1), ["batch"], this.#mesh),
    };
  }

  #modelOf(weights: Weights): CausalLM {
    return jax.tree.unflatten<CausalLM>(this.#model, weights);
  }
}

const logitsAxes = ["batch", "vocab"] as const;

/** Chooses tokens; rows that have ended get padding. */
function choose(
  logits: jax.Array,
  { seen, done, count }: ChoiceState,
  { sampling, eosTokenIds, padTokenId, keyData }: ChoiceSettings,
  { kind, mesh }: { readonly kind: SamplingKind; readonly mesh: ModelMesh | null },
): ChoiceState {
  const key = jax.random.foldIn(jax.random.wrapKeyData(keyData), count);
  const token = jax.numpy.where(done, padTokenId, chooseTokens(logits, seen, sampling, kind, key, mesh));
  const column = jax.numpy.expandDims(token, 1);
  return {
    seen: seen && laidOut(markSeen(seen, column), ["batch", null], mesh),
    done: laidOut(done.or(column.equal(eosTokenIds).any({ axis: 1 })), ["batch"], mesh),
    count: count.add(jax.numpy.array(1, { dtype: "uint32" })),
    token: laidOut(token, ["batch"], mesh),
  };
}
