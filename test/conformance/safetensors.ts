/** Reads safetensors files into host tensors. @see https://huggingface.co/docs/safetensors */
import { type DType, itemSizeBytes } from "../../packages/jaxscale/src/base/dtypes.ts";
import { decoderOf } from "../../packages/jaxscale/src/base/rounding.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";

const dtypes: Readonly<Record<string, DType>> = {
  BOOL: "bool",
  I8: "int8",
  U8: "uint8",
  I16: "int16",
  U16: "uint16",
  I32: "int32",
  U32: "uint32",
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F8_E4M3: "float8_e4m3fn",
  // Not of the format, which has no such types.
  I4: "int4",
  U4: "uint4",
};

// Elements of 4 bits lie two in a byte, the first in the low bits: at a half is the second.
const readers: Readonly<Record<DType, (view: DataView, at: number) => number>> = {
  bool: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  int16: (view, at) => view.getInt16(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  int32: (view, at) => view.getInt32(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  float16: (view, at) => decoderOf("float16")(view.getUint16(at, true)),
  bfloat16: (view, at) => decoderOf("bfloat16")(view.getUint16(at, true)),
  float32: (view, at) => view.getFloat32(at, true),
  float8_e4m3fn: (view, at) => decoderOf("float8_e4m3fn")(view.getUint8(at)),
  int4: (view, at) => (view.getInt8(at) << (at % 1 ? 24 : 28)) >> 28,
  uint4: (view, at) => (view.getUint8(at) >> (at % 1 ? 4 : 0)) & 15,
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** All tensors of a file, by name; each is decoded when it is asked for. @param path for messages */
export function readSafetensors(path: string, bytes: Uint8Array): (name: string) => HostTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes))) as Record<string, Entry>;
  return (name) => {
    const entry = header[name];
    if (!entry) throw new Error(`${path} has no tensor ${name}`);
    const dtype = dtypes[entry.dtype];
    if (!dtype) throw new Error(`${path}: ${name} has dtype ${entry.dtype}`);
    const [start] = entry.data_offsets;
    const size = sizeOf(entry.shape);
    const step = itemSizeBytes(dtype);
    const values = allocateValues(dtype, size);
    for (let i = 0; i < size; i++) values[i] = readers[dtype](view, 8 + headerBytes + start + i * step);
    return { shape: entry.shape, dtype, values };
  };
}
