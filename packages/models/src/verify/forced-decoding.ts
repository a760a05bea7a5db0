/** Logits of given tokens by way of the caches, as generation fills and reads them; nothing is chosen. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { type Caches, type CausalLM, layOutCaches, makeCaches } from "../model.ts";
import { filledUp } from "../parallel/model-mesh.ts";
import { int32 } from "../token-rows.ts";

/** What a run leaves; give the arrays back with `dispose`. */
export interface Forced {
  /** float32 `[B,T,V]` */
  readonly logits: jax.Array;
  /** Experts of every token in every layer that has some, sorted, int32 `[layers,B,T,k]`; null in a model without. */
  readonly experts: jax.Array | null;
}

/** @param rows that are wanted; those behind them fill the batch up */
function forced(model: CausalLM, rows: number, run: (model: CausalLM) => jax.Array): Forced {
  const [hidden, captured] = nnx.capture(run)(model);
  const experts = [...captured].flatMap(([path, leaf]) =>
    path[path.length - 1] === "expert_ids" ? [(leaf as nnx.Intermediate<readonly jax.Array[]>).get()[0]] : [],
  );
  return {
    logits: model.logits(hidden).slice(jax.slice(0, rows)),
    experts: experts.length > 0 ? jax.numpy.stack(experts).slice(":", jax.slice(0, rows)) : null,
  };
}

/** What a run leaves, and the caches that it wrote. */
function withCaches(caches: Caches, { mesh }: CausalLM, run: () => Forced): Forced & { readonly caches: Caches } {
  const left = run();
  layOutCaches(caches, mesh);
  return { ...left, caches };
}

/** The programs of one model; sequences are begun with `begin`. */
export class ForcedDecoding {
  readonly #model: CausalLM;
  readonly #whole = jax.jit(
    (model: CausalLM, ids: jax.Array, rows: number) => forced(model, rows, (m) => m.call(ids)),
    { staticArgnums: 2, name: "recompute" },
  );
  readonly #last = jax.jit(
    (model: CausalLM, ids: jax.Array, places: jax.Array, rows: number) => {
      const hidden = jax.numpy.takeAlongAxis(model.call(ids), places.reshape(-1, 1, 1), { axis: 1 });
      return model.logits(hidden.squeeze(1)).slice(jax.slice(0, rows));
    },
    { staticArgnums: 3, name: "recompute_last" },
  );
  readonly #first = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array, rows: number) =>
      withCaches(caches, model, () => forced(model, rows, (m) => m.call(ids, { caches }))),
    { donateArgnums: 0, staticArgnums: 3, name: "begin" },
  );
  readonly #next = jax.jit(
    (caches: Caches, model: CausalLM, ids: jax.Array, start: jax.Array, rows: number) =>
      withCaches(caches, model, () => forced(model, rows, (m) => m.call(ids, { start, caches }))),
    { donateArgnums: 0, staticArgnums: 4, name: "continue" },
  );

  constructor(model: CausalLM) {
    this.#model = model;
  }

  /** All tokens without caches. @param rows padded behind to equal lengths */
  recompute(rows: readonly (readonly number[])[]): Forced {
    return this.#whole(this.#model, int32(this.#filled(rows)), rows.length);
  }

  /** The same for one place a row. @returns float32 `[B,V]` */
  recomputeAt(rows: readonly (readonly number[])[], places: readonly number[]): jax.Array {
    return this.#last(this.#model, int32(this.#filled(rows)), int32(this.#filled(places)), rows.length);
  }

  /** @param capacity tokens a row, those of padding too */
  begin(batch: number, capacity: number): ForcedSequence {
    const { config, cacheDtype: dtype, mesh } = this.#model;
    const size = { batch: this.#filled(new Array<number>(batch).fill(0)).length, capacity, dtype };
    return new ForcedSequence(makeCaches(config, size, mesh), (caches, rows, start) => {
      const ids = int32(this.#filled(rows));
      return start === undefined
        ? this.#first(caches, this.#model, ids, rows.length)
        : this.#next(caches, this.#model, ids, int32(this.#filled(start)), rows.length);
    });
  }

  #filled<T>(rows: readonly T[]): readonly T[] {
    return filledUp(rows, this.#model.mesh);
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
