/** IR no. 2: one compute kernel as structured SSA: values, stores, loops, guards, barriers. */
import type { OpName } from "./grammar.ts";

export type ScalarType = "f32" | "i32" | "u32" | "bool";
export type ValueType = ScalarType | `vec2<${ScalarType}>` | `vec4<${ScalarType}>`;

export const laneCount = (type: ValueType): 1 | 2 | 4 =>
  type.startsWith("vec2") ? 2 : type.startsWith("vec4") ? 4 : 1;
export const scalarOf = (type: ValueType): ScalarType =>
  (laneCount(type) === 1 ? type : type.slice(5, -1)) as ScalarType;
export const vectorOf = (type: ScalarType, lanes: 1 | 2 | 4): ValueType =>
  lanes === 1 ? type : `vec${lanes}<${type}>`;

/** Inclusive bounds of an integer value, where known. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** An SSA value: an op of the grammar applied to values. Pure ones are hash-consed by the builder. */
export interface Value {
  readonly kind: "value";
  readonly id: number;
  readonly op: OpName;
  readonly type: ValueType;
  readonly args: readonly Value[];
  /** What the op needs besides values: a constant, a lane, a builtin's name, a buffer, a variable. */
  readonly attr?: number | string | boolean | BufferDecl | SharedDecl | Variable;
  readonly range?: Range;
}

/** A storage binding as the kernel sees it: an array of 32-bit words read as `element`. */
export interface BufferDecl {
  readonly kind: "buffer";
  readonly name: string;
  /** How a word is typed in WGSL; packed dtypes are `u32`. */
  readonly element: "f32" | "i32" | "u32";
  readonly access: "read" | "read_write";
  readonly atomic: boolean;
  /** Length in words, for the bounds checker. */
  readonly sizeWords: number;
}

/** Workgroup-shared memory. */
export interface SharedDecl {
  readonly kind: "shared";
  readonly name: string;
  readonly type: ValueType;
  readonly size: number;
}

/** A mutable local. */
export interface Variable {
  readonly kind: "variable";
  readonly id: number;
  readonly type: ValueType;
  readonly name: string;
}

export type Statement =
  | { readonly kind: "let"; readonly value: Value }
  | { readonly kind: "declare"; readonly variable: Variable; readonly initial: Value }
  | { readonly kind: "assign"; readonly variable: Variable; readonly value: Value }
  /** Index in words; a vector value stores consecutive words, its index in vectors' units is `index * lanes`. */
  | { readonly kind: "store"; readonly buffer: BufferDecl; readonly index: Value; readonly value: Value }
  | { readonly kind: "storeShared"; readonly shared: SharedDecl; readonly index: Value; readonly value: Value }
  | {
      readonly kind: "for";
      readonly index: Value;
      readonly start: Value;
      readonly end: Value;
      readonly step: Value;
      readonly body: Block;
    }
  | { readonly kind: "while"; readonly condition: Block; readonly test: Value; readonly body: Block }
  | {
      readonly kind: "if";
      readonly condition: Value;
      readonly then: Block;
      readonly otherwise: Block;
      /** It chooses the memory that a value is loaded from: the first of two where the first of these is below the second. */
      readonly ofMemory?: readonly [place: Value, end: Value];
    }
  | { readonly kind: "barrier"; readonly scope: "workgroup" | "storage" };

export interface Block {
  readonly statements: Statement[];
}

/** A complete kernel. Bindings are numbered in the order of `buffers`. */
export interface Kernel {
  /** Chosen for a reader: `rms_norm_gemv_bf16`. */
  readonly name: string;
  readonly buffers: readonly BufferDecl[];
  readonly shared: readonly SharedDecl[];
  readonly workgroupSize: readonly [number, number, number];
  /** 32-bit immediates, at most 16. */
  readonly immediates: readonly { readonly name: string; readonly type: "i32" | "u32" | "f32" }[];
  readonly body: Block;
  readonly usesSubgroups: boolean;
  /** Written by a user: then `body` is empty, and this is what runs. */
  readonly raw?: RawSource;
}

/** A whole WGSL program, entry point `main`, group 0, bindings in the order of `buffers`. */
export interface RawSource {
  readonly text: string;
  /** The line of `text`, counted from 1, at which the user's begin. */
  readonly firstLine: number;
}
