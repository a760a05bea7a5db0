/** Constant folding of integer and bool ops, exact modulo 2^32. Floats are never folded: drivers' rules for NaN and zero differ. */
import type { KernelBuilder } from "./builder.ts";
import type { OpName } from "./grammar.ts";
import type { Value, ValueType } from "./ir.ts";

const fold: Partial<Record<OpName, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  neg: (a) => -a,
  min: Math.min,
  max: Math.max,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  lt: (a, b) => +(a < b),
  le: (a, b) => +(a <= b),
  gt: (a, b) => +(a > b),
  ge: (a, b) => +(a >= b),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
};
const foldDivision: Partial<Record<OpName, (a: number, b: number) => number>> = {
  div: (a, b) => Math.trunc(a / b),
  rem: (a, b) => a % b,
};

const isConstant = (v: Value): boolean => v.op === "const" && v.type !== "f32";

export function foldInteger(
  k: KernelBuilder,
  name: OpName,
  type: ValueType,
  args: readonly Value[],
): Value | undefined {
  if (name === "select" && args[0].op === "const") return args[0].attr ? args[1] : args[2];
  if (name === "select" && args[1] === args[2]) return args[1];
  if (type === "bool" && args.length === 2 && (name === "and" || name === "or")) {
    const constant = args.findIndex(isConstant);
    if (constant >= 0) {
      const neutral = (args[constant].attr === 1) === (name === "and");
      return neutral ? args[1 - constant] : args[constant];
    }
  }
  if (name === "not" && type === "bool" && isConstant(args[0])) return k.bool(args[0].attr === 0);
  if (!args.every(isConstant)) return undefined;
  const [a, b] = args.map((v) => v.attr as number);
  const exact = fold[name] ?? (b ? foldDivision[name] : undefined);
  return exact && k.constant(type as "i32" | "u32" | "bool", exact(a, b));
}
