/** Elements on the host. */
import type { DType } from "jaxscale";
import { castBytes } from "./cast.ts";

export type HostValues = Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** @param bytes little-endian, of their own buffer */
export function decodeElements(dtype: DType, bytes: Uint8Array<ArrayBuffer>): HostValues {
  const { buffer } = bytes;
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float16":
    case "bfloat16":
      return new Float32Array(castBytes(bytes, dtype, "float32").buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "uint8":
    case "bool":
      return bytes;
    default:
      return dtype satisfies never;
  }
}
