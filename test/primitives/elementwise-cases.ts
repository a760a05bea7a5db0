/** Golden cases of JAX for ops that are one primitive, and the rules for comparing with them. */
import { readFileSync } from "node:fs";
import { type DType, isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import {
  allocateValues,
  type HostTensor,
  hostTensor,
  unpackWords,
} from "../../packages/jaxscale/src/base/tensor-data.ts";
import { type Params, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import "../../packages/jaxscale/src/primitives/arithmetic.ts";
import "../../packages/jaxscale/src/primitives/bitcast.ts";
import "../../packages/jaxscale/src/primitives/bitwise.ts";
import "../../packages/jaxscale/src/primitives/compare.ts";
import "../../packages/jaxscale/src/primitives/convert.ts";
import "../../packages/jaxscale/src/primitives/division.ts";
import "../../packages/jaxscale/src/primitives/remainder.ts";
import "../../packages/jaxscale/src/primitives/float-format.ts";
import "../../packages/jaxscale/src/primitives/identity.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import "../../packages/jaxscale/src/primitives/rounding.ts";
import "../../packages/jaxscale/src/primitives/select.ts";
import "../../packages/jaxscale/src/primitives/special-functions.ts";
import "../../packages/jaxscale/src/primitives/transcendental.ts";

/** A stored tensor's key, or a Python scalar. */
export type CaseInput = string | { readonly scalar: number; readonly type: "int" | "float" | "bool" };

export interface GoldenCase {
  readonly name: string;
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: readonly CaseInput[];
  readonly outputs: readonly string[];
  readonly tolerance?: { readonly abs: number; readonly rel: number };
  readonly tags?: readonly string[];
}

export interface Family {
  readonly cases: readonly GoldenCase[];
  readonly tensor: (input: CaseInput) => HostTensor;
}

const storedDTypes: Readonly<Record<string, DType>> = {
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
};
const pythonDTypes = { int: "int32", float: "float32", bool: "bool" } as const;

/** A tensor of the given values. */
export function tensorOf(dtype: DType, shape: readonly number[], values: readonly number[]): HostTensor {
  const stored = allocateValues(dtype, values.length);
  stored.set(values);
  return hostTensor(shape, dtype, stored);
}

export function loadFamily(family: string): Family {
  const file = (ending: string) => readFileSync(new URL(`../fixtures/jax/${family}.${ending}`, import.meta.url));
  const bytes = file("safetensors");
  const headerSize = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerSize));
  return {
    cases: JSON.parse(file("json").toString()).cases,
    tensor: (input) => {
      if (typeof input === "object") return tensorOf(pythonDTypes[input.type], [], [Number(input.scalar)]);
      const { dtype, shape, data_offsets } = header[input];
      const [start, end] = data_offsets.map((offset: number) => 8 + headerSize + offset);
      const words = new Uint32Array(Math.ceil((end - start) / 4));
      new Uint8Array(words.buffer).set(bytes.subarray(start, end));
      return hostTensor(shape, storedDTypes[dtype], unpackWords(storedDTypes[dtype], words, sizeOf(shape)));
    },
  };
}

/** The cases that one primitive computes, without those that only XLA's CPU backend decides. */
export const laxCases = ({ cases }: Family): readonly GoldenCase[] =>
  cases.filter((c) => c.op.startsWith("lax.") && !c.tags?.includes("implementation-defined"));

// lax names that are not their primitive's.
const renamed: Readonly<Record<string, string>> = {
  bitwise_and: "and",
  bitwise_or: "or",
  bitwise_xor: "xor",
  bitwise_not: "not",
};
const defaults: Readonly<Record<string, Params>> = {
  convert_element_type: { weakType: false },
  round: { roundingMethod: 0 },
};

/** The primitive, its operands and its params for a case. */
export function callOf({ op, params }: GoldenCase, inputs: readonly HostTensor[]) {
  const name = op.replace("lax.", "");
  if (name === "reciprocal") return { name: "integer_pow", inputs, params: { y: -1 } };
  if (name === "select") return { name: "select_n", inputs: [inputs[0], inputs[2], inputs[1]], params: {} };
  const camelCase = Object.fromEntries(
    Object.entries(params).map(([key, value]) => [key.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  );
  return { name: renamed[name] ?? name, inputs, params: { ...defaults[name], ...camelCase } };
}

/** An op's type rule and reference, rounded as the interpreter does. */
export function evaluate(name: string, inputs: readonly HostTensor[], params: Params = {}): HostTensor {
  const rules = primitiveNamed(name);
  const avals = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
  const [{ shape, dtype }] = rules.abstractEval(avals, params);
  const [{ values }] = rules.reference(inputs, params);
  return hostTensor(
    shape,
    dtype,
    values.map((x) => roundTo(dtype, x)),
  );
}

export function evaluateCase(golden: GoldenCase, inputs: readonly HostTensor[]): HostTensor {
  const call = callOf(golden, inputs);
  return evaluate(call.name, call.inputs, call.params);
}

const smallestNormal = (dtype: DType): number => (dtype === "float16" ? 2 ** -14 : 2 ** -126);

export function flushDenormals({ shape, dtype, values }: HostTensor): HostTensor {
  const flush = (x: number) => (Math.abs(x) < smallestNormal(dtype) ? 0 * x : x);
  return hostTensor(shape, dtype, isFloat(dtype) ? values.map(flush) : values);
}

/** Where `got` breaks the rules of the fixtures' README; undefined if nowhere. */
export function difference(got: HostTensor, want: HostTensor, rules: GoldenCase): string | undefined {
  if (got.dtype !== want.dtype || String(got.shape) !== String(want.shape))
    return `${got.dtype}[${got.shape}] instead of ${want.dtype}[${want.shape}]`;
  const at = want.values.findIndex((w, i) => !agree(got.values[i], w, want.dtype, rules));
  return at < 0 ? undefined : `element ${at}: ${got.values[at]} instead of ${want.values[at]}`;
}

function agree(got: number, want: number, dtype: DType, { tolerance, tags }: GoldenCase): boolean {
  if (Object.is(got, want)) return true;
  if (!isFloat(dtype)) return false;
  if (got === 0 && want === 0) return tolerance !== undefined || tags?.includes("zero-sign") === true;
  if (Math.abs(got) < smallestNormal(dtype) && Math.abs(want) < smallestNormal(dtype)) return got * want === 0;
  return tolerance !== undefined && Math.abs(got - want) <= tolerance.abs + tolerance.rel * Math.abs(want);
}
