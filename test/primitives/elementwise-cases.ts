/** Golden cases of JAX whose op is one elementwise primitive, as calls of it. */
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Params } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { type Case, type Family, readFamily } from "../conformance/fixtures.ts";
import { tensor } from "./samples/sample.ts";

export const elementwiseFamilies = ["unary", "binary", "convert"].map((name) => readFamily(name as "unary") as Family);

/** The cases that one primitive computes, without those that only XLA's CPU backend decides. */
export const laxCases = ({ cases }: Family): readonly Case[] =>
  cases.filter((c) => c.op.startsWith("lax.") && !c.tags?.includes("implementation-defined"));

const pythonDTypes = { int: "int32", float: "float32", bool: "bool" } as const;

/** The operands of a case; a Python scalar becomes a rank-0 tensor. */
export const operandsOf = (family: Family, { inputs }: Case): readonly HostTensor[] =>
  inputs.map((input) =>
    typeof input === "string" ? family.tensor(input) : tensor(pythonDTypes[input.type], [], [Number(input.scalar)]),
  );

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
export function callOf({ op, params }: Case, inputs: readonly HostTensor[]) {
  const name = op.replace("lax.", "");
  if (name === "reciprocal") return { name: "integer_pow", inputs, params: { y: -1 } };
  if (name === "select") return { name: "select_n", inputs: [inputs[0], inputs[2], inputs[1]], params: {} };
  const camelCase = Object.fromEntries(
    Object.entries(params).map(([key, value]) => [key.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  );
  return { name: renamed[name] ?? name, inputs, params: { ...defaults[name], ...camelCase } };
}

/** The tensor as hardware sees it that takes denormals for zeros. */
export function flushDenormals({ shape, dtype, values }: HostTensor): HostTensor {
  const smallestNormal = dtype === "float16" ? 2 ** -14 : 2 ** -126;
  const flush = (x: number) => (Math.abs(x) < smallestNormal ? 0 * x : x);
  return hostTensor(shape, dtype, isFloat(dtype) ? values.map(flush) : values);
}
