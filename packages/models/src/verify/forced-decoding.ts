/** Logits of given tokens by way of the caches, as generation fills and reads them; nothing is chosen. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { type Caches, type CausalLM, makeCaches } from "../model.ts";
import { int32 } from "../token-rows.ts";

/** What a run leaves; give the arrays back with `dispose`. */
export interface Forced {
  /** float32 `[B,T,V]` */
  readonly logits: jax.Array;
  /** Experts of every token in every layer that has some, sorted, int32 `[layers,B,T,k]`; null in a model without. */
  readonly experts: jax.Array | null;
}

function forced(model: CausalLM, run: (model: CausalLM) => jax.Array): Forced {
  const [hidden, captured] = nnx.capture(run)(model);
  const experts = [...captured].flatMap(([path, leaf]) =>
    path[path.length - 1] === "expert_ids" ? [(leaf as nnx.Intermediate<readonly jax.Array[]>).get()[0]] : [],
  );
  return { logits: model.logits(hidden), experts: experts.length > 0 ? jax.numpy.stack(experts) : null };
}

/** The programs of one model; sequences are begun with `begin`. */
export class ForcedDecoding {
  readonly #model: CausalLM;
  readonly #whole = jax.jit((model: CausalLM, ids: jax.Array) => forced(model, (m) => m.call(ids)), {
    name: "recompute",
  });
  readonly #last = jax.jit(
    (model: CausalLM, ids: jax.Array, places: jax.Array) =>
      model.logits(
        model
          .call(ids)
          .at(jax.numpy.arange(ids.shape[0], { dtype: "int32" }), places)
          .get(),
      ),
    { name: "recompute_last" },
  );
  readonly #first = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array) => ({
      ...forced(model, (m) => m.call(ids, { caches })),
      caches,
    }),
    { donateArgnums: 0, name: "begin" },
  );
  readonly #next = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array, start: jax.Array) => ({
      ...forced(model, (m) => m.call(ids, { start, caches })),
      caches,
    }),
    { donateArgnums: 0, name: "continue" },
  );

  constructor(model: CausalLM) {
    this.#model = model;
  }

  /** All tokens without caches. @param rows padded behind to equal lengths */
  recompute(rows: readonly (readonly number[])[]): Forced {
    return this.#whole(this.#model, int32(rows));
  }

  /** The same for one place a row. @returns float32 `[B,V]` */
  recomputeAt(rows: readonly (readonly number[])[], places: readonly number[]): jax.Array {
    return this.#last(this.#model, int32(rows), int32(places));
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
) => Forced & { readonly caches: Caches };

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
   * @param rows padded behind to equal lengths
   * @param start place of each row's first; absent: this is a first step, which does not read the caches
   */
  take(rows: readonly (readonly number[])[], start?: readonly number[]): Forced {
    const { caches, ...forced } = this.#run(this.#caches, rows, start);
    this.#caches = caches;
    return forced;
  }

  dispose(): void {
    for (const array of jax.tree.leaves<jax.Array>(this.#caches)) array.dispose();
  }
}
