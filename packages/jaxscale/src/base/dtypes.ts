/** Element types, how they are stored, and how they promote (JAX's lattice). */

import { describe } from "./describe.ts";
import { DTypeError } from "./errors.ts";

export const dtypeNames = [
  "float32",
  "float16",
  "bfloat16",
  "int32",
  "uint32",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "bool",
] as const;
/** Types of elements: names of NumPy's dtypes, of 32 bits and below. */
export type DType = (typeof dtypeNames)[number];

export type DTypeKind = "float" | "signed" | "unsigned" | "bool";

/** What arithmetic runs in: every float in f32, integers in their own signedness of 32 bits. */
export type ComputeType = "f32" | "i32" | "u32" | "bool";

interface DTypeInfo {
  readonly kind: DTypeKind;
  readonly bits: 8 | 16 | 32;
  /** As printed in a jaxpr. */
  readonly short: string;
  readonly compute: ComputeType;
}

const table: Record<DType, DTypeInfo> = {
  float32: { kind: "float", bits: 32, short: "f32", compute: "f32" },
  float16: { kind: "float", bits: 16, short: "f16", compute: "f32" },
  bfloat16: { kind: "float", bits: 16, short: "bf16", compute: "f32" },
  int32: { kind: "signed", bits: 32, short: "i32", compute: "i32" },
  uint32: { kind: "unsigned", bits: 32, short: "u32", compute: "u32" },
  int16: { kind: "signed", bits: 16, short: "i16", compute: "i32" },
  uint16: { kind: "unsigned", bits: 16, short: "u16", compute: "u32" },
  int8: { kind: "signed", bits: 8, short: "i8", compute: "i32" },
  uint8: { kind: "unsigned", bits: 8, short: "u8", compute: "u32" },
  bool: { kind: "bool", bits: 8, short: "bool", compute: "bool" },
};

export const shortName = (dtype: DType): string => table[dtype].short;
export const kindOf = (dtype: DType): DTypeKind => table[dtype].kind;
export const bitsOf = (dtype: DType): 8 | 16 | 32 => table[dtype].bits;
export const computeType = (dtype: DType): ComputeType => table[dtype].compute;
/** Bytes of one element in storage; bool takes one. */
export const itemSizeBytes = (dtype: DType): number => table[dtype].bits / 8;
/** Elements that share one u32 word of storage: 1, 2 or 4. */
export const elementsPerWord = (dtype: DType): number => 32 / table[dtype].bits;

export const isFloat = (dtype: DType): boolean => kindOf(dtype) === "float";
export const isBool = (dtype: DType): boolean => dtype === "bool";
export const isInteger = (dtype: DType): boolean => kindOf(dtype) === "signed" || kindOf(dtype) === "unsigned";
export const isNumber = (dtype: DType): boolean => dtype !== "bool";
export const isSigned = (dtype: DType): boolean => kindOf(dtype) === "signed" || kindOf(dtype) === "float";

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
  switch (dtype) {
    case "float32":
      return { min: -3.4028234663852886e38, max: 3.4028234663852886e38 };
    case "float16":
      return { min: -65504, max: 65504 };
    case "bfloat16":
      return { min: -3.3895313892515355e38, max: 3.3895313892515355e38 };
    case "bool":
      return { min: 0, max: 1 };
    default: {
      const bits = bitsOf(dtype);
      return kindOf(dtype) === "signed"
        ? { min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }
        : { min: 0, max: 2 ** bits - 1 };
    }
  }
}

// ---- promotion ------------------------------------------------------------

/** A dtype, or a weak (Python scalar) kind of it. @see https://docs.jax.dev/en/latest/type_promotion.html */
export interface LatticeType {
  readonly dtype: DType;
  readonly weakType: boolean;
}

// Upward edges of JAX's promotion lattice; a name with * is a Python scalar's type.
const upward: Record<string, readonly string[]> = {
  bool: ["int32*"],
  "int32*": ["uint8", "int8"],
  uint8: ["uint16", "int16"],
  uint16: ["uint32", "int32"],
  uint32: ["int32^"],
  int8: ["int16"],
  int16: ["int32"],
  int32: ["int32^"],
  // Without 64-bit types the join of u32 and i32 is i32; ^ is that join, so that i32 and u32 stay unordered.
  "int32^": ["float32*"],
  "float32*": ["bfloat16", "float16"],
  bfloat16: ["float32"],
  float16: ["float32"],
  float32: [],
};

function ancestors(node: string): Set<string> {
  const seen = new Set<string>([node]);
  for (const up of upward[node]) for (const a of ancestors(up)) seen.add(a);
  return seen;
}
const above = new Map(Object.keys(upward).map((node) => [node, ancestors(node)]));

const nodeOf = ({ dtype, weakType }: LatticeType): string =>
  !weakType || dtype === "bool" ? dtype : isFloat(dtype) ? "float32*" : "int32*";

/** Least upper bound of the operands' types. All-weak operands of one node keep their own dtype (`uint32*` stays u32). */
export function promoteTypes(types: readonly LatticeType[]): LatticeType {
  if (types.length === 0) return { dtype: "float32", weakType: true };
  const [first, ...rest] = types;
  if (rest.every((t) => t.dtype === first.dtype && t.weakType === first.weakType)) return first;
  const nodes = [...new Set(types.map(nodeOf))];
  const common = [...(above.get(nodes[0]) as Set<string>)].filter((candidate) =>
    nodes.every((node) => above.get(node)?.has(candidate)),
  );
  const least = common.find((c) => common.every((other) => above.get(c)?.has(other))) as string;
  const dtype = least.replace(/[*^]/, "") as DType;
  return { dtype, weakType: least.endsWith("*") };
}
