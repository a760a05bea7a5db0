/** Loaded parameters against the tensors of a checkpoint, and the angles of rotary embeddings. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { cosineOf, type Moments, Sums } from "../compare/errors.ts";
import { readBytes } from "../files/byte-source.ts";
import { type CausalLM, parametersOf } from "../model.ts";
import type { Checkpoint } from "../open-checkpoint.ts";
import { castBytes, type FloatDType, isFloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import { safetensorsPieces, type WrittenTensor } from "../safetensors/write.ts";
import { keyRules } from "../weights/key-rules.ts";
import { type PlannedParameter, planLoad } from "../weights/plan.ts";
import type { RowValues } from "../weights/quantized/rows.ts";
import { openWeights } from "../weights/weights.ts";

/** A parameter on the device against its tensors on disk. */
export interface ParameterDiagnosis extends Moments {
  /** Its path in the model. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: jax.DType;
  /** Tensors on disk that it is stacked from. */
  readonly tensors: number;
  /** Largest magnitude on the device. */
  readonly largest: number;
  /** Elements that are NaN or infinite on the device. */
  readonly notFinite: number;
  /** Elements that differ from those on disk, cast to `dtype`. */
  readonly differing: number;
  /** Largest difference. */
  readonly maxAbs: number;
  readonly cosine: number;
  readonly passed: boolean;
}

// Elements compared at once.
const pieceElements = 2 ** 22;

/**
 * Holds every parameter against the tensors on disk that it comes from: read once more, cast to its dtype, stacked. All must be
 * equal, bit by bit but for the payload of NaN, and finite.
 * @param model with its parameters' values @param reference the checkpoint that it was loaded from, or one that it should equal
 * @throws CheckpointError if the reference does not have the model's tensors
 */
export async function diagnoseWeights(model: CausalLM, reference: Checkpoint): Promise<ParameterDiagnosis[]> {
  const weights = await openWeights(reference.files);
  try {
    const { parameters } = planLoad(weights, parametersOf(model), keyRules(reference.config));
    const values = new Map([...nnx.state(model, nnx.Param)].map(([path, leaf]) => [path.join("."), leaf as nnx.Param]));
    const diagnoses: ParameterDiagnosis[] = [];
    for (const parameter of parameters) {
      const { name } = parameter;
      diagnoses.push(await compareParameter((values.get(name) as nnx.Param).get(), parameter));
    }
    return diagnoses;
  } finally {
    await weights.close();
  }
}

/** The parameters as the device has them, as a safetensors file in pieces, under the keys of the model. */
export function parameterPieces(model: CausalLM): AsyncGenerator<Uint8Array> {
  const specs = parametersOf(model);
  const written = [...nnx.state(model, nnx.Param)].map(([path, leaf]): WrittenTensor => {
    const name = path.join(".");
    const { shape, storedShape = shape, dtype } = specs[name];
    if (!isFloatDType(dtype))
      throw new RangeError(`parameterPieces: parameters must be floats to be written; got ${dtype} for ${name}`);
    const value = (leaf as nnx.Param).get();
    return { name, dtype, shape: storedShape, data: () => bytesOf(value, dtype) };
  });
  return safetensorsPieces(written);
}

async function* bytesOf(value: jax.Array, dtype: FloatDType): AsyncGenerator<Uint8Array> {
  for await (const { values } of rowsOf(value)) {
    const wide = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
    yield castBytes(wide, "float32", dtype);
  }
}

async function compareParameter(value: jax.Array, parameter: PlannedParameter): Promise<ParameterDiagnosis> {
  const { name, shape, dtype, parts } = parameter;
  const tally = new Tally();
  for await (const { start, values } of rowsOf(value))
    tally.add(values, await storedValues(parameter, start, start + values.length));
  return { name, shape, dtype, tensors: parts.length, ...tally.result() };
}

/** Counts over pairs of elements. */
class Tally {
  readonly #ours = new Sums();
  readonly #theirs = new Sums();
  #largest = 0;
  #notFinite = 0;
  #differing = 0;
  #maxAbs = 0;
  #product = 0;

  add(values: ArrayLike<number>, stored: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) {
      const [own, other] = [values[i], stored[i]];
      if (!Number.isFinite(own)) this.#notFinite++;
      if (!Object.is(own, other)) {
        this.#differing++;
        const difference = Math.abs(own - other);
        // A comparison alone would drop a NaN.
        if (difference > this.#maxAbs || Number.isNaN(difference)) this.#maxAbs = difference;
      }
      if (Math.abs(own) > this.#largest) this.#largest = Math.abs(own);
      this.#product += own * other;
      this.#ours.add(own);
      this.#theirs.add(other);
    }
  }

  result(): Omit<ParameterDiagnosis, "name" | "shape" | "dtype" | "tensors"> {
    return {
      ...this.#ours.moments(),
      largest: this.#largest,
      notFinite: this.#notFinite,
      differing: this.#differing,
      maxAbs: this.#maxAbs,
      cosine: cosineOf(this.#product, this.#ours.square, this.#theirs.square),
      passed: this.#differing === 0 && this.#notFinite === 0,
    };
  }
}

/** The elements of an array in order, some rows at a time. @param start of the first of them */
async function* rowsOf(value: jax.Array): AsyncGenerator<{ readonly start: number; readonly values: Float32Array }> {
  const [count] = value.shape;
  const size = value.size / count;
  const rows = Math.min(count, Math.max(1, Math.floor(pieceElements / size)));
  const read = jax.jit((x: jax.Array, first: jax.Array) => jax.lax.dynamicSliceInDim(x, first, rows), {
    name: "read_rows",
  });
  for (let at = 0; at < count; at += rows) {
    // The last rows are read with some before them, by the same program.
    const first = Math.min(at, count - rows);
    const piece = read(value, jax.numpy.array(first, { dtype: "int32" }));
    const values = (await piece.data()) as Float32Array;
    piece.dispose();
    yield { start: at * size, values: values.subarray((at - first) * size) };
  }
}

/** Elements that a load gives a parameter: those of tensors on disk, one behind the other, cast to its dtype, or codes and scales. */
async function storedValues(parameter: PlannedParameter, start: number, end: number): Promise<ArrayLike<number>> {
  const { parts, dtype, rows } = parameter;
  if (rows) {
    const first = Math.floor(start / rows.columns);
    const values = await rows.read(first, Math.ceil(end / rows.columns));
    return asDevice(values.subarray(start - first * rows.columns, end - first * rows.columns), dtype);
  }
  const values = new Float32Array(end - start);
  let before = 0;
  for (const { file, offset, sizeBytes, dtype: stored } of parts) {
    const from = arrayDtype(stored) as FloatDType;
    const itemBytes = jax.itemSizeBytes(from);
    const count = sizeBytes / itemBytes;
    const [first, last] = [Math.max(start, before) - before, Math.min(end, before + count) - before];
    if (first < last) {
      const bytes = await readBytes(file.source, offset + first * itemBytes, (last - first) * itemBytes);
      values.set(widened(castBytes(bytes, from, dtype as FloatDType), dtype as FloatDType), before + first - start);
    }
    before += count;
  }
  return values;
}

/** Values made by rows, as an array of the dtype gives them back. */
function asDevice(values: RowValues, dtype: jax.DType): ArrayLike<number> {
  if (values instanceof Float32Array && isFloatDType(dtype))
    return widened(castBytes(new Uint8Array(values.slice().buffer), "float32", dtype), dtype);
  return values instanceof Uint8Array && jax.itemSizeBytes(dtype) === 1
    ? jax.elementsOfBytes(dtype, values.slice())
    : values;
}

/** Bytes of floats as float32 values. */
function widened(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDType): Float32Array {
  const wide = castBytes(bytes, dtype, "float32");
  return new Float32Array(wide.buffer, wide.byteOffset, wide.byteLength / 4);
}
