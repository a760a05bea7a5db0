/** Elements on the host. */
import { type DType, elementsOfBytes } from "jaxscale";
import { castBytes, isFloatDType } from "./cast.ts";

export type HostValues = ReturnType<typeof elementsOfBytes>;

/** @param bytes little-endian, of their own buffer */
export const decodeElements = (dtype: DType, bytes: Uint8Array<ArrayBuffer>): HostValues =>
  isFloatDType(dtype) ? new Float32Array(castBytes(bytes, dtype, "float32").buffer) : elementsOfBytes(dtype, bytes);
