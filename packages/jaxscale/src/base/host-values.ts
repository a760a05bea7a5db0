/** Values as JavaScript holds them. */
import { type DType, hostValuesOf, itemSizeBytes } from "./dtypes.ts";
import { type HostTensor, unpackWords } from "./tensor-data.ts";

export type TypedArray = Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

export function typedArrayOf({ dtype, values }: HostTensor): TypedArray {
  const constructor = hostValuesOf(dtype);
  return values instanceof constructor ? values : new constructor(values);
}

/**
 * Elements of bytes as they lie in memory and in files: little-endian, floats narrower than float32 as a Float32Array, integers of 4 bits
 * two in a byte, the first in its low bits.
 * @param bytes of whole elements; of their own buffer where an element has its own typed array
 */
export function elementsOfBytes(dtype: DType, bytes: Uint8Array<ArrayBuffer>): TypedArray {
  const Values = hostValuesOf(dtype);
  if (Values.BYTES_PER_ELEMENT === itemSizeBytes(dtype))
    return new Values(bytes.buffer, bytes.byteOffset, bytes.length / Values.BYTES_PER_ELEMENT);
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  const size = bytes.length / itemSizeBytes(dtype);
  return typedArrayOf({ shape: [size], dtype, values: unpackWords(dtype, words, size) });
}

export type NestedList = number | boolean | NestedList[];

export function nestedList({ shape, dtype, values }: HostTensor): NestedList {
  const at = (axis: number, offset: number, stride: number): NestedList => {
    if (axis === shape.length) return dtype === "bool" ? values[offset] !== 0 : values[offset];
    const inner = stride / Math.max(1, shape[axis]);
    return globalThis.Array.from({ length: shape[axis] }, (_, i) => at(axis + 1, offset + i * inner, inner));
  };
  return at(0, 0, values.length);
}
