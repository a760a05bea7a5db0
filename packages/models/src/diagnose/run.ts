/** What one forward pass gives, on the host. */
import * as jax from "jaxscale";
import { refused } from "../checkpoint-error.ts";
import type { GoldenFile } from "../compare/golden.ts";
import { readInputs } from "../compare/inputs.ts";
import { observe } from "../compare/observe.ts";
import type { CausalLM } from "../model.ts";
import { filledUp } from "../parallel/model-mesh.ts";
import type { HostTensor } from "../safetensors/file.ts";
import { encodeSafetensors, type WrittenTensor } from "../safetensors/write.ts";
import { int32, padded } from "../token-rows.ts";

/** Observed tensors of some rows of tokens, by name, `[B,T,…]`: floats widened, expert ids int32. */
export interface ObservedRun {
  readonly ids: readonly (readonly number[])[];
  /** Dtype of the model. */
  readonly dtype: jax.DType;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/**
 * A forward pass without caches.
 * @param ids rows of tokens @param wanted names of the tensors that are read @param width columns; those of the longest row if absent
 * @throws RangeError for rows that are empty, too long, or have ids outside the vocabulary
 */
export async function observeRun(
  model: CausalLM,
  ids: readonly (readonly number[])[],
  wanted: (name: string) => boolean,
  width = Math.max(...ids.map((row) => row.length)),
): Promise<ObservedRun> {
  const { maxPositionEmbeddings, vocabSize } = model.config;
  if (ids.some((row) => row.length === 0) || width > maxPositionEmbeddings)
    throw new RangeError(`diagnose: a prompt must have from 1 to ${maxPositionEmbeddings} tokens; got ${width}`);
  const strange = ids.flat().find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (strange !== undefined)
    throw new RangeError(`diagnose: token ids must be below the vocabulary's ${vocabSize}; got ${strange}`);
  const run = jax.jit(
    (m: CausalLM, x: jax.Array) => {
      const values = Object.entries(observe(m, x, wanted));
      return Object.fromEntries(values.map(([name, value]) => [name, value.slice(jax.slice(0, ids.length))]));
    },
    { name: "observe" },
  );
  const values = run(model, int32(filledUp(padded(ids, width), model.mesh)));
  const tensors = new Map<string, HostTensor>();
  for (const [name, value] of Object.entries(values)) {
    const { shape, dtype } = value;
    tensors.set(name, { shape, dtype, values: (await value.data()) as HostTensor["values"] });
    value.dispose();
  }
  return { ids, dtype: model.dtype, tensors };
}

/**
 * Runs as a file in the layout of golden tensors: `{case}.{f32|bf16}.{tensor}`, float32 except for expert ids.
 * @param runs by case; those of one case must differ in dtype
 */
export function encodeRuns(
  runs: readonly { readonly name: string; readonly run: Pick<ObservedRun, "dtype" | "tensors"> }[],
): Promise<Uint8Array<ArrayBuffer>> {
  const written = runs.flatMap(({ name, run }) =>
    [...run.tensors].map(([tensor, { shape, values }]): WrittenTensor => {
      const isInteger = values instanceof Int32Array;
      const wide = isInteger ? values : Float32Array.from(values);
      const data = new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength);
      const kind = run.dtype === "bfloat16" ? "bf16" : "f32";
      return { name: `${name}.${kind}.${tensor}`, dtype: isInteger ? "int32" : "float32", shape, data };
    }),
  );
  return encodeSafetensors(written);
}

/** A run, and what it is held against. */
export interface RunPair {
  /** Name of the case. */
  readonly name: string;
  readonly run: ObservedRun;
  readonly other: {
    readonly dtype: jax.DType;
    readonly tensors: ObservedRun["tensors"];
    /** Its columns that hold the tokens of each row. */
    readonly columns: readonly (readonly number[])[];
  };
}

/** Two runs of the same tokens. */
export const pairOf = (name: string, run: ObservedRun, other: ObservedRun): RunPair => ({
  name,
  run,
  other: { dtype: other.dtype, tensors: other.tensors, columns: other.ids.map((row) => row.map((_, t) => t)) },
});

/** Runs of the model on the inputs of a golden file, beside its float32 tensors. @throws CheckpointError if the inputs are not known */
export async function observeGolden(
  model: CausalLM,
  golden: GoldenFile,
  wanted: (name: string) => boolean,
): Promise<RunPair[]> {
  const pairs: RunPair[] = [];
  for (const one of golden.cases) {
    const { ids, columns } = await readInputs(model, golden, one);
    const names = one.tensors.filter(wanted);
    if (names.length === 0)
      throw refused({ file: one.name }, "must have tensors to compare", `${one.tensors.length} others`);
    const tensors = new Map<string, HostTensor>();
    for (const name of names) tensors.set(name, await golden.read(one, name));
    const run = await observeRun(model, ids, (name) => tensors.has(name), one.width);
    pairs.push({ name: one.name, run, other: { dtype: "float32", tensors, columns } });
  }
  return pairs;
}
