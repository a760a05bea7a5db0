/** Elements of ranges combined on the host, in the arithmetic of their dtype. */
import { bitsOf, type DType, elementsPerWord, itemSizeBytes, kindOf } from "../base/dtypes.ts";
import { decoderOf, encoderOf } from "../base/rounding.ts";
import { allocateValues } from "../base/tensor-data.ts";

export type Combine = "add" | "max" | "min";

type Elements = Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

// A typed array rounds or wraps what is stored as the dtype does. NaN stays NaN.
const combines: Record<Combine, (into: Elements, from: Elements) => void> = {
  add: (into, from) => {
    for (let i = 0; i < into.length; i++) into[i] += from[i];
  },
  max: (into, from) => {
    for (let i = 0; i < into.length; i++) into[i] = Math.max(into[i], from[i]);
  },
  min: (into, from) => {
    for (let i = 0; i < into.length; i++) into[i] = Math.min(into[i], from[i]);
  },
};

const views = {
  float: [undefined, undefined, Float32Array],
  signed: [Int8Array, Int16Array, Int32Array],
  unsigned: [Uint8Array, Uint16Array, Uint32Array],
  bool: [Uint8Array, undefined, undefined],
} as const;

/** `into` becomes `into` combined with `from`, element by element; both are words as they lie on a device. */
export function foldWords(dtype: DType, combine: Combine, into: Uint32Array, from: Uint32Array): void {
  const View = views[kindOf(dtype)][Math.log2(itemSizeBytes(dtype))];
  if (View === undefined) foldPacked(dtype, combine, into, from);
  else {
    const elements = ({ buffer, byteOffset, byteLength }: Uint32Array): Elements =>
      new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT);
    combines[combine](elements(into), elements(from));
  }
}

/** Elements that no typed array has: combined in the 32 bits that they are computed in, then rounded. */
function foldPacked(dtype: DType, combine: Combine, into: Uint32Array, from: Uint32Array): void {
  const [decode, encode] = [decoderOf(dtype), encoderOf(dtype)];
  const [lanes, bits] = [elementsPerWord(dtype), bitsOf(dtype)];
  const [a, b] = [allocateValues(dtype, lanes), allocateValues(dtype, lanes)];
  const mask = 2 ** bits - 1;
  for (let i = 0; i < into.length; i++) {
    for (let lane = 0; lane < lanes; lane++) {
      a[lane] = decode((into[i] >>> (lane * bits)) & mask);
      b[lane] = decode((from[i] >>> (lane * bits)) & mask);
    }
    combines[combine](a, b);
    into[i] = 0;
    for (let lane = 0; lane < lanes; lane++) into[i] |= encode(a[lane]) << (lane * bits);
  }
}
