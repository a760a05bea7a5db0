/** Ops of the kernel IR on one lane's numbers: integers exact modulo 2^32; floats as doubles, for nothing here depends on their rounding. */
import { integerOps } from "../kernel/fold.ts";
import type { OpName } from "../kernel/grammar.ts";
import { isComputed } from "../kernel/grammar.ts";
import type { ScalarType } from "../kernel/ir.ts";

type Compute = (a: number, b: number, c: number) => number;

const select: Compute = (condition, yes, no) => (condition ? yes : no);

/** Where floats differ from integers, which share minima, maxima and comparisons with them. */
const floats: Partial<Record<OpName, Compute>> = {
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  abs: Math.abs,
  fma: (a, b, c) => a * b + c,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: Math.round,
  sqrt: Math.sqrt,
  inverseSqrt: (a) => 1 / Math.sqrt(a),
  exp: Math.exp,
  exp2: (a) => 2 ** a,
  log: Math.log,
  log2: Math.log2,
  pow: (a, b) => a ** b,
};

const bitCount = (x: number): number => {
  let n = 0;
  for (let rest = x >>> 0; rest > 0; rest = (rest & (rest - 1)) >>> 0) n++;
  return n;
};

/** What is not folded: divisors may be 0, shifts depend on the type. */
const integers: Partial<Record<OpName, Compute>> = {
  div: (a, b) => (b === 0 ? a : Math.trunc(a / b)),
  rem: (a, b) => (b === 0 ? 0 : a % b),
  abs: Math.abs,
  countOneBits: bitCount,
  countLeadingZeros: (a) => Math.clz32(a),
};

/** As the type holds it. */
export const wrapped = (type: ScalarType, x: number): number =>
  type === "i32" ? x | 0 : type === "u32" ? x >>> 0 : type === "bool" ? +(x !== 0) : x;

/** @param type of the operands; undefined for ops that are not computed lane by lane */
export function scalarOp(op: OpName, type: ScalarType): Compute | undefined {
  if (op === "select") return select;
  if (op === "shr") return type === "u32" ? (a, b) => a >>> b : (a, b) => a >> b;
  if (type === "bool" && op === "not") return (a) => +!a;
  const own = type === "f32" ? floats[op] : integers[op];
  return own ?? (isComputed(op) ? integerOps[op] : undefined);
}
