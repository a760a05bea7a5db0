/** The input tokens of a golden case. */
import * as jax from "jaxscale";
import { refused } from "../checkpoint-error.ts";
import type { CausalLM } from "../model.ts";
import type { GoldenCase, GoldenFile } from "./golden.ts";

interface Inputs {
  /** Rows without padding. */
  readonly ids: readonly (readonly number[])[];
  /** The columns of the reference that hold their tokens. */
  readonly columns: readonly (readonly number[])[];
}

/** @throws CheckpointError if a token is not in the vocabulary, or neither notes nor embeddings determine the tokens */
export async function readInputs(model: CausalLM, golden: GoldenFile, one: GoldenCase): Promise<Inputs> {
  const { batch, width, mask } = one;
  const found = one.ids ? { ids: one.ids, mask } : await fromEmbeddings(model, golden, one);
  const columns = Array.from({ length: batch }, (_, b) =>
    Array.from({ length: width }, (_, t) => t).filter((t) => (found.mask?.[b][t] ?? 1) !== 0),
  );
  const ids = columns.map((row, b) => row.map((t) => found.ids[b][t]));
  const { vocabSize } = model.config;
  const strange = ids.flat().find((id) => id < 0 || id >= vocabSize);
  if (strange !== undefined)
    throw refused(
      { file: one.name, key: "input_ids" },
      `must be ids below the vocabulary's ${vocabSize}`,
      `${strange}`,
    );
  return { ids, columns };
}

/** Finds the rows of the embedding table that equal the golden embeddings; padding is zeros. */
async function fromEmbeddings(
  model: CausalLM,
  golden: GoldenFile,
  one: GoldenCase,
): Promise<{ readonly ids: readonly (readonly number[])[]; readonly mask: readonly (readonly number[])[] }> {
  const { batch, width } = one;
  if (!one.tensors.includes("embed"))
    throw refused(
      { file: one.name },
      "must have input_ids in a golden.json beside the file, or the tensor embed",
      "neither",
    );
  const { values, shape } = await golden.read(one, "embed");
  const size = shape[2];
  if (size !== model.config.hiddenSize)
    throw refused(
      { file: one.name, key: "embed" },
      `must have the model's ${model.config.hiddenSize} columns`,
      `${size}`,
    );
  const rows = jax.numpy.array(Float32Array.from(values)).reshape(batch * width, size);
  const nearest = await jax.jit(nearestRows)(rows, model.model.embed_tokens.weight.get()).data();
  const grid = (of: (at: number) => number): number[][] =>
    Array.from({ length: batch }, (_, b) => Array.from({ length: width }, (_, t) => of(b * width + t)));
  const isToken = (at: number): boolean => values.subarray(at * size, (at + 1) * size).some((x) => x !== 0);
  return { ids: grid((at) => nearest[at]), mask: grid((at) => Number(isToken(at))) };
}

/** argmin |x − w|², int32. The comparison of `embed` checks that the rows are equal. */
function nearestRows(rows: jax.Array, table: jax.Array): jax.Array {
  const wide = table.astype("float32");
  const products = jax.numpy.einsum("nh,vh->nv", rows, wide);
  return products
    .mul(2)
    .sub(wide.mul(wide).sum({ axis: -1 }))
    .argmax({ axis: -1 })
    .astype("int32");
}
