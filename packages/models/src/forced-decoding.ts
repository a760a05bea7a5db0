/** Logits of given tokens by way of the caches, as generation fills and reads them; nothing is chosen. */
import * as jax from "jaxscale";
import { type Caches, type CausalLM, makeCaches } from "./model.ts";

const int32 = (values: readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(values as number[], { dtype: "int32" });

/** Rows padded behind to equal lengths. */
export const padded = (rows: readonly (readonly number[])[], width: number): number[][] =>
  rows.map((row) => [...row, ...new Array<number>(width - row.length).fill(0)]);

/** The programs of one model; sequences are begun with `begin`. */
export class ForcedDecoding {
  readonly #model: CausalLM;
  readonly #whole = jax.jit((model: CausalLM, ids: jax.Array) => model.logits(model.call(ids)), { name: "recompute" });
  readonly #first = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array) => ({
      caches,
      logits: model.logits(model.call(ids, { caches })),
    }),
    { donateArgnums: 0, name: "begin" },
  );
  readonly #next = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array, start: jax.Array) => ({
      caches,
      logits: model.logits(model.call(ids, { start, caches })),
    }),
    { donateArgnums: 0, name: "continue" },
  );

  constructor(model: CausalLM) {
    this.#model = model;
  }

  /** Without caches. @param rows padded behind @returns float32 `[B,T,V]` */
  recompute(rows: readonly (readonly number[])[]): jax.Array {
    return this.#whole(this.#model, int32(rows));
  }

  /** @param capacity tokens a row, those of padding too */
  begin(batch: number, capacity: number): ForcedSequence {
    const { config, dtype } = this.#model;
    return new ForcedSequence(makeCaches(config, { batch, capacity, dtype }), (caches, rows, start) =>
      start === undefined
        ? this.#first(caches, this.#model, int32(rows))
        : this.#next(caches, this.#model, int32(rows), int32(start)),
    );
  }
}

type Run = (
  caches: Caches,
  rows: readonly (readonly number[])[],
  start: readonly number[] | undefined,
) => { readonly caches: Caches; readonly logits: jax.Array };

/** Rows that grow together. */
export class ForcedSequence {
  #caches: Caches;
  readonly #run: Run;

  constructor(caches: Caches, run: Run) {
    this.#caches = caches;
    this.#run = run;
  }

  /**
   * Takes in tokens.
   * @param rows padded behind to equal lengths @param start place of each row's first; absent: the caches are empty and not read
   * @returns float32 `[B,T,V]`
   */
  take(rows: readonly (readonly number[])[], start?: readonly number[]): jax.Array {
    const { caches, logits } = this.#run(this.#caches, rows, start);
    this.#caches = caches;
    return logits;
  }

  dispose(): void {
    for (const array of jax.tree.leaves<jax.Array>(this.#caches)) array.dispose();
  }
}
