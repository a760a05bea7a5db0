/** Element types of safetensors, and the dtypes of arrays that they map to. */
import type { DType } from "jaxscale";

/** Bits of one element. @see https://github.com/huggingface/safetensors#format */
const bits = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const;

/** An element type of the format, by its name there. */
export type StoredType = keyof typeof bits;

const arrays: Readonly<Record<string, DType>> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  U16: "uint16",
  I16: "int16",
  U32: "uint32",
  I32: "int32",
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F8_E4M3: "float8_e4m3fn",
};

/** Undefined for a name that is not in the format. */
export const bitsOf = (name: string): number | undefined =>
  Object.hasOwn(bits, name) ? bits[name as StoredType] : undefined;

/** The array dtype of an element type; undefined if unsupported. */
export const arrayDtype = (name: string): DType | undefined => (Object.hasOwn(arrays, name) ? arrays[name] : undefined);

/** The safetensors name of an array dtype. @throws TypeError for integers of 4 bits, which the format lacks */
export const fileDtype = (dtype: DType): StoredType => {
  for (const [name, candidate] of Object.entries(arrays)) if (candidate === dtype) return name as StoredType;
  throw new TypeError(
    `fileDtype: safetensors must have the dtype, as it has ${Object.values(arrays).join(", ")} (integers of 4 bits are stored as int32 words: see lax.bitcastConvertType); got ${String(dtype)}`,
  );
};
