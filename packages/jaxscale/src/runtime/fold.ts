/** Elements of ranges combined on the host, in the arithmetic of their dtype. */
import { type DType, itemSizeBytes, kindOf } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import { fromBFloat16Bits, fromFloat16Bits, toBFloat16Bits, toFloat16Bits } from "../base/rounding.ts";

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
  if (View === undefined) foldHalves(dtype, combine, into, from);
  else {
    const elements = ({ buffer, byteOffset, byteLength }: Uint32Array): Elements =>
      new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT);
    combines[combine](elements(into), elements(from));
  }
}

/** Floats of 16 bits: combined in float32, then rounded. */
function foldHalves(dtype: DType, combine: Combine, into: Uint32Array, from: Uint32Array): void {
  invariant(dtype === "float16" || dtype === "bfloat16", `${dtype} is no float of 16 bits`);
  const [decode, encode] = dtype === "float16" ? [fromFloat16Bits, toFloat16Bits] : [fromBFloat16Bits, toBFloat16Bits];
  const a = new Float32Array(2);
  const b = new Float32Array(2);
  for (let i = 0; i < into.length; i++) {
    a[0] = decode(into[i] & 0xffff);
    a[1] = decode(into[i] >>> 16);
    b[0] = decode(from[i] & 0xffff);
    b[1] = decode(from[i] >>> 16);
    combines[combine](a, b);
    into[i] = encode(a[0]) | (encode(a[1]) << 16);
  }
}
