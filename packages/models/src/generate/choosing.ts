/** The choice of tokens from logits, row by row, with what it has to remember of earlier ones. */
import * as jax from "jaxscale";
import { int32 } from "../token-rows.ts";
import type { Choice, ChoiceSettings, ChoiceState, Executables } from "./executables.ts";
import { kindOf, settingsOf } from "./sampling.ts";

// So that other ends need no other program.
const fewestEnds = 8;

/** A choice on the device, the same for all rows. */
function choiceSettings(choice: Choice, batch: number, seed: number): ChoiceSettings {
  const { eosTokenIds, padTokenId } = choice;
  const places = 2 ** Math.ceil(Math.log2(Math.max(eosTokenIds.length, fewestEnds)));
  const ends = Array.from({ length: places }, (_, i) => eosTokenIds[i] ?? -1);
  return {
    sampling: settingsOf(new Array<Choice>(batch).fill(choice)),
    eosTokenIds: int32(ends),
    padTokenId: int32(padTokenId),
    keyData: jax.random.prngKey(seed),
  };
}

/** `begin` it with a way to choose, then `choose` as often as there are logits. */
export class Choosing {
  readonly #executables: Executables;
  readonly #rows: number;
  readonly #vocabSize: number;
  /** Which tokens occurred; null without a penalty. */
  #seen: jax.Array | null;
  #choice: { readonly program: ReturnType<Executables["chooser"]>; readonly settings: ChoiceSettings } | undefined;
  #chosen: Omit<ChoiceState, "seen"> | undefined;

  /** @param rows those that fill the batch up, too */
  constructor(
    executables: Executables,
    {
      rows,
      vocabSize,
      tracksSeen,
    }: { readonly rows: number; readonly vocabSize: number; readonly tracksSeen: boolean },
  ) {
    this.#executables = executables;
    this.#rows = rows;
    this.#vocabSize = vocabSize;
    this.#seen = tracksSeen ? jax.numpy.zeros([rows, vocabSize], { dtype: "bool" }) : null;
  }

  /** Tokens of prompts occurred. @param ids int32 `[B,T]` @param counts tokens of each row that count, int32 `[B]` */
  markSeen(ids: jax.Array, counts: jax.Array): void {
    if (this.#seen) this.#seen = this.#executables.markSeen(this.#seen, ids, counts);
  }

  /** Only these tokens occurred, in all rows. */
  resetSeen(tokens: readonly number[]): void {
    if (!this.#seen) return;
    const occurs = new Array<boolean>(this.#vocabSize).fill(false);
    for (const id of tokens) occurs[id] = true;
    this.#seen.dispose();
    this.#seen = jax.numpy.array(new Array<boolean[]>(this.#rows).fill(occurs), { dtype: "bool" });
  }

  /** No row has ended. */
  begin(choice: Choice, seed: number): void {
    const kind = kindOf([choice], this.#vocabSize);
    this.#choice = { program: this.#executables.chooser(kind), settings: choiceSettings(choice, this.#rows, seed) };
    this.#chosen = {
      done: jax.numpy.zeros([this.#rows], { dtype: "bool" }),
      count: jax.numpy.array(0, { dtype: "uint32" }),
      token: jax.numpy.zeros([this.#rows], { dtype: "int32" }),
    };
  }

  /** The next token of each row, int32 `[B]`. @param logits float32 `[B,V]` */
  choose(logits: jax.Array): jax.Array {
    if (!this.#choice || !this.#chosen) throw new RangeError("choose: there must be a prompt; got none");
    const { program, settings } = this.#choice;
    const { seen, ...chosen } = program(logits, { seen: this.#seen, ...this.#chosen }, settings);
    this.#seen = seen;
    this.#chosen = chosen;
    return chosen.token;
  }

  /** The tokens chosen last; undefined before a `begin`. */
  get token(): jax.Array | undefined {
    return this.#chosen?.token;
  }

  dispose(): void {
    this.#seen?.dispose();
  }
}
