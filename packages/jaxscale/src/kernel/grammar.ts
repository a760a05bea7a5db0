/** The ops of IR no. 2 as data: operand and result types. The checker runs it; the WGSL table has a row for each. */
import { invariant } from "../base/errors.ts";
import { laneCount, scalarOf, type Value, type ValueType, vectorOf } from "./ir.ts";

type Scalars = "number" | "float" | "integer" | "bits" | "any";
type Result = "same" | "bool" | "branch" | "scalar";

interface OpRule {
  readonly arity: number;
  readonly accepts: Scalars;
  readonly result: Result;
  /** Ordered: may not be moved or shared. */
  readonly pinned?: boolean;
}

const arithmetic = (arity: number, accepts: Scalars = "number"): OpRule => ({ arity, accepts, result: "same" });
const comparison: OpRule = { arity: 2, accepts: "any", result: "bool" };

export const grammar = {
  add: arithmetic(2),
  sub: arithmetic(2),
  mul: arithmetic(2),
  div: arithmetic(2),
  rem: arithmetic(2),
  neg: arithmetic(1),
  abs: arithmetic(1),
  min: arithmetic(2),
  max: arithmetic(2),
  fma: arithmetic(3, "float"),
  floor: arithmetic(1, "float"),
  ceil: arithmetic(1, "float"),
  trunc: arithmetic(1, "float"),
  round: arithmetic(1, "float"),
  sqrt: arithmetic(1, "float"),
  inverseSqrt: arithmetic(1, "float"),
  exp: arithmetic(1, "float"),
  exp2: arithmetic(1, "float"),
  log: arithmetic(1, "float"),
  log2: arithmetic(1, "float"),
  pow: arithmetic(2, "float"),
  countOneBits: arithmetic(1, "integer"),
  countLeadingZeros: arithmetic(1, "integer"),
  and: arithmetic(2, "bits"),
  or: arithmetic(2, "bits"),
  xor: arithmetic(2, "bits"),
  not: arithmetic(1, "bits"),
  shl: arithmetic(2, "integer"),
  shr: arithmetic(2, "integer"),
  lt: comparison,
  le: comparison,
  gt: comparison,
  ge: comparison,
  eq: comparison,
  ne: comparison,
  select: { arity: 3, accepts: "any", result: "branch" },
  dot: { arity: 2, accepts: "number", result: "scalar" },
  subgroupAdd: { ...arithmetic(1), pinned: true },
  subgroupMax: { ...arithmetic(1), pinned: true },
  subgroupMin: { ...arithmetic(1), pinned: true },
  subgroupShuffle: { arity: 2, accepts: "any", result: "same", pinned: true },
  subgroupShuffleXor: { arity: 2, accepts: "any", result: "same", pinned: true },
  subgroupBroadcast: { arity: 2, accepts: "any", result: "same", pinned: true },
  subgroupBroadcastFirst: { arity: 1, accepts: "any", result: "same", pinned: true },
} as const satisfies Record<string, OpRule>;

export type OpName = keyof typeof grammar;

const accepted: Record<Scalars, readonly string[]> = {
  number: ["f32", "i32", "u32", "f16"],
  float: ["f32", "f16"],
  integer: ["i32", "u32"],
  bits: ["i32", "u32", "bool"],
  any: ["f32", "i32", "u32", "f16", "bool"],
};

/** Operations whose second operand is a number of bits or lanes. */
const takesU32: ReadonlySet<OpName> = new Set([
  "shl",
  "shr",
  "subgroupBroadcast",
  "subgroupShuffle",
  "subgroupShuffleXor",
]);

/** Type of an op's result; the only place where operand types are checked. */
export function resultType(name: OpName, args: readonly Value[]): ValueType {
  const rule: OpRule = grammar[name];
  invariant(args.length === rule.arity, `kernel op ${name} takes ${rule.arity} operands, got ${args.length}`);
  const operands = name === "select" ? args.slice(1) : args;
  const first = operands[0].type;
  for (const [i, a] of operands.entries()) {
    const isCount = i === 1 && takesU32.has(name);
    const fits = isCount ? scalarOf(a.type) === "u32" : a.type === first;
    invariant(
      fits && (accepted[rule.accepts].includes(scalarOf(a.type)) || isCount),
      `kernel op ${name} does not take ${args.map((x) => x.type).join(", ")}`,
    );
  }
  const lanes = laneCount(first);
  if (rule.result === "bool") return vectorOf("bool", lanes);
  if (rule.result === "scalar") return scalarOf(first);
  if (rule.result === "branch")
    invariant(scalarOf(args[0].type) === "bool", `kernel op select takes a bool condition, got ${args[0].type}`);
  return first;
}
