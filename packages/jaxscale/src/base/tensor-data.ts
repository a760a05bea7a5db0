/** Host-side tensors: one number an element, already rounded to the dtype. Used by the reference interpreter and by transfers. */
import { bitsOf, type DType, elementsPerWord, kindOf } from "./dtypes.ts";
import { decoderOf, encoderOf } from "./rounding.ts";
import { type Shape, sizeOf } from "./shapes.ts";

export type HostArray = Float32Array | Int32Array | Uint32Array;

/** Values in row-major order: floats of every width in a Float32Array, signed integers in Int32Array, unsigned and bool in Uint32Array. */
export interface HostTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: HostArray;
}

export function allocateValues(dtype: DType, size: number): HostArray {
  const kind = kindOf(dtype);
  if (kind === "float") return new Float32Array(size);
  return kind === "signed" ? new Int32Array(size) : new Uint32Array(size);
}

export const hostTensor = (
  shape: Shape,
  dtype: DType,
  values: HostArray = allocateValues(dtype, sizeOf(shape)),
): HostTensor => ({ shape, dtype, values });

/** The u32 words that hold the tensor on a device (little-endian lanes; the tail of the last word is zero). */
export function packWords({ dtype, values }: Pick<HostTensor, "dtype" | "values">): Uint32Array {
  const lanes = elementsPerWord(dtype);
  if (lanes === 1) return new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint32Array(Math.ceil(values.length / lanes));
  const bits = bitsOf(dtype);
  const encode = encoderOf(dtype);
  for (let i = 0; i < values.length; i++) words[(i / lanes) | 0] |= encode(values[i]) << ((i % lanes) * bits);
  return words;
}

/** Inverse of `packWords`. @param size elements */
export function unpackWords(dtype: DType, words: Uint32Array, size: number): HostArray {
  const values = allocateValues(dtype, size);
  const lanes = elementsPerWord(dtype);
  if (lanes === 1) {
    new Uint32Array(values.buffer).set(words.subarray(0, size));
    return values;
  }
  const bits = bitsOf(dtype);
  const mask = 2 ** bits - 1;
  const decode = decoderOf(dtype);
  for (let i = 0; i < size; i++) values[i] = decode((words[(i / lanes) | 0] >>> ((i % lanes) * bits)) & mask);
  return values;
}
