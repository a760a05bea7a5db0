/** Element types, how they are stored, and how they promote (JAX's lattice). */

import { describe } from "./describe.ts";
import { DTypeError, invariant } from "./errors.ts";

export const dtypeNames = [
  "float32",
  "float16",
  "bfloat16",
  "float8_e4m3fn",
  "int32",
  "uint32",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "int4",
  "uint4",
  "bool",
] as const;
/** Types of elements: names of NumPy's dtypes (and ml_dtypes'), of 32 bits and below. */
export type DType = (typeof dtypeNames)[number];

export type DTypeKind = "float" | "signed" | "unsigned" | "bool";

/** What arithmetic runs in: every float in f32, integers in their own signedness of 32 bits. */
export type ComputeType = "f32" | "i32" | "u32" | "bool";

/** The format of a binary float: a sign, then an exponent of bias 2^(exponentBits - 1) - 1, then a mantissa. */
export interface FloatFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  /** Whether the largest exponent is that of infinities and NaNs; if not, only its largest mantissa is: a NaN. */
  readonly infinity: boolean;
}

/** Typed arrays of the host's values, one an element. */
type HostValues =
  | Float32ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor;

interface DTypeInfo {
  readonly kind: DTypeKind;
  readonly bits: 4 | 8 | 16 | 32;
  /** As printed in a jaxpr. */
  readonly short: string;
  readonly compute: ComputeType;
  readonly host: HostValues;
  /** Of floats. */
  readonly format?: FloatFormat;
  /** Whether NumPy itself has it, and writes its values; else ml_dtypes does. */
  readonly numpy: boolean;
  /** Upward edges in JAX's promotion lattice. */
  readonly promotes: readonly string[];
}

const ieee = (exponentBits: number, mantissaBits: number): FloatFormat => ({
  exponentBits,
  mantissaBits,
  infinity: true,
});
const float = { kind: "float", compute: "f32", host: Float32Array, numpy: true, promotes: ["float32"] } as const;
const signed = { kind: "signed", compute: "i32", numpy: true } as const;
const unsigned = { kind: "unsigned", compute: "u32", numpy: true } as const;

/** All that is known of each dtype. Types of 4 bits, and floats of 8, promote to nothing: their values are to be converted. */
const table: Record<DType, DTypeInfo> = {
  float32: { ...float, bits: 32, short: "f32", format: ieee(8, 23), promotes: [] },
  float16: { ...float, bits: 16, short: "f16", format: ieee(5, 10) },
  bfloat16: { ...float, bits: 16, short: "bf16", format: ieee(8, 7), numpy: false },
  float8_e4m3fn: {
    ...float,
    bits: 8,
    short: "f8_e4m3fn",
    format: { exponentBits: 4, mantissaBits: 3, infinity: false },
    numpy: false,
    promotes: [],
  },
  // Without 64-bit types the join of u32 and i32 is i32; ^ is that join, so that i32 and u32 stay unordered.
  int32: { ...signed, bits: 32, short: "i32", host: Int32Array, promotes: ["int32^"] },
  uint32: { ...unsigned, bits: 32, short: "u32", host: Uint32Array, promotes: ["int32^"] },
  int16: { ...signed, bits: 16, short: "i16", host: Int16Array, promotes: ["int32"] },
  uint16: { ...unsigned, bits: 16, short: "u16", host: Uint16Array, promotes: ["uint32", "int32"] },
  int8: { ...signed, bits: 8, short: "i8", host: Int8Array, promotes: ["int16"] },
  uint8: { ...unsigned, bits: 8, short: "u8", host: Uint8Array, promotes: ["uint16", "int16"] },
  int4: { ...signed, bits: 4, short: "i4", host: Int8Array, numpy: false, promotes: [] },
  uint4: { ...unsigned, bits: 4, short: "u4", host: Uint8Array, numpy: false, promotes: [] },
  bool: {
    kind: "bool",
    bits: 8,
    short: "bool",
    compute: "bool",
    host: Uint8Array,
    numpy: true,
    promotes: ["int32*"],
  },
};

export const shortName = (dtype: DType): string => table[dtype].short;
export const kindOf = (dtype: DType): DTypeKind => table[dtype].kind;
export const bitsOf = (dtype: DType): 4 | 8 | 16 | 32 => table[dtype].bits;
export const computeType = (dtype: DType): ComputeType => table[dtype].compute;
export const hostValuesOf = (dtype: DType): HostValues => table[dtype].host;
/** Whether NumPy has the dtype, and writes its values in its own way. */
export const isNumpys = (dtype: DType): boolean => table[dtype].numpy;
/** Bytes of one element in storage: one for bool, a half for types of 4 bits. */
export const itemSizeBytes = (dtype: DType): number => table[dtype].bits / 8;
/** Bytes of so many elements, the last of which may be shared with none. */
export const sizeBytesOf = (dtype: DType, elements: number): number => Math.ceil((elements * table[dtype].bits) / 8);
/** Elements that share one u32 word of storage: 1, 2, 4 or 8. */
export const elementsPerWord = (dtype: DType): number => 32 / table[dtype].bits;

export const isFloat = (dtype: DType): boolean => kindOf(dtype) === "float";
export const isBool = (dtype: DType): boolean => dtype === "bool";
export const isInteger = (dtype: DType): boolean => kindOf(dtype) === "signed" || kindOf(dtype) === "unsigned";
export const isNumber = (dtype: DType): boolean => dtype !== "bool";
export const isSigned = (dtype: DType): boolean => kindOf(dtype) === "signed" || kindOf(dtype) === "float";

/** The format of a float's bits. */
export function formatOf(dtype: DType): FloatFormat {
  const { format } = table[dtype];
  invariant(format, `${dtype} is no float`);
  return format;
}
/** The integers that are as wide as another dtype. */
export const integerLike = (dtype: DType, kind: "signed" | "unsigned"): DType =>
  dtypeNames.find((name) => kindOf(name) === kind && bitsOf(name) === bitsOf(dtype)) as DType;

export const isDType = (name: unknown): name is DType => typeof name === "string" && Object.hasOwn(table, name);

/** What a user named as a dtype. @throws DTypeError for any other name */
export function knownDType(op: string, name: unknown): DType {
  if (isDType(name)) return name;
  throw new DTypeError(
    `${op}: dtype must be one that this library has, such as "float32"; got ${typeof name === "string" ? name : describe(name)}. It has ${dtypeNames.join(", ")}`,
  );
}

/** Smallest and largest finite value. */
export function rangeOf(dtype: DType): { readonly min: number; readonly max: number } {
  const { kind, bits, format } = table[dtype];
  if (format) {
    // Of the largest exponent, NaN has the last mantissa where it does not have them all.
    const last = format.infinity ? 2 : 1;
    const { exponentBits, mantissaBits } = format;
    const max = (2 - (3 - last) * 2 ** -mantissaBits) * 2 ** (2 ** exponentBits - last - biasOf(format));
    return { min: -max, max };
  }
  if (kind === "bool") return { min: 0, max: 1 };
  return kind === "signed" ? { min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 } : { min: 0, max: 2 ** bits - 1 };
}

export const biasOf = ({ exponentBits }: FloatFormat): number => 2 ** (exponentBits - 1) - 1;
/** The smallest normal number. */
export const smallestNormalOf = (dtype: DType): number => 2 ** (1 - biasOf(formatOf(dtype)));

// ---- promotion ------------------------------------------------------------

/** A dtype, or a weak (Python scalar) kind of it. @see https://docs.jax.dev/en/latest/type_promotion.html */
export interface LatticeType {
  readonly dtype: DType;
  readonly weakType: boolean;
}

// A name with * is a Python scalar's type.
const upward: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(dtypeNames.map((name) => [name, table[name].promotes])),
  "int32*": ["uint8", "int8", "uint4", "int4"],
  "int32^": ["float32*"],
  "float32*": ["bfloat16", "float16", "float8_e4m3fn"],
};

function ancestors(node: string): Set<string> {
  const seen = new Set<string>([node]);
  for (const up of upward[node]) for (const a of ancestors(up)) seen.add(a);
  return seen;
}
const above = new Map(Object.keys(upward).map((node) => [node, ancestors(node)]));

const nodeOf = ({ dtype, weakType }: LatticeType): string =>
  !weakType || dtype === "bool" ? dtype : isFloat(dtype) ? "float32*" : "int32*";

/**
 * Least upper bound of the operands' types. All-weak operands of one node keep their own dtype (`uint32*` stays u32).
 * @throws DTypeError for types that have none, such as int4 and float32
 */
export function promoteTypes(op: string, types: readonly LatticeType[]): LatticeType {
  if (types.length === 0) return { dtype: "float32", weakType: true };
  const [first, ...rest] = types;
  if (rest.every((t) => t.dtype === first.dtype && t.weakType === first.weakType)) return first;
  const nodes = [...new Set(types.map(nodeOf))];
  const common = [...(above.get(nodes[0]) as Set<string>)].filter((candidate) =>
    nodes.every((node) => above.get(node)?.has(candidate)),
  );
  const least = common.find((c) => common.every((other) => above.get(c)?.has(other)));
  if (least === undefined)
    throw new DTypeError(
      `${op}: integers of 4 bits and floats of 8 do not promote to other dtypes: convert one operand with astype; got ${types.map(({ dtype, weakType }) => `${dtype}${weakType ? " (weak)" : ""}`).join(" and ")}`,
    );
  const dtype = least.replace(/[*^]/, "") as DType;
  return { dtype, weakType: least.endsWith("*") };
}
