/** Constant folding of integer and bool ops, exact modulo 2^32. Floats are never folded: drivers' rules for NaN and zero differ. */
import type { KernelBuilder } from "./builder.ts";
import type { ComputedOp } from "./grammar.ts";
import type { ScalarType, Value, ValueType } from "./ir.ts";

/** Integer ops on two numbers; what they give is wrapped by whoever keeps it. */
export const integerOps: Partial<Record<ComputedOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  neg: (a) => -a,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a,
  shl: (a, b) => a << b,
  lt: (a, b) => +(a < b),
  le: (a, b) => +(a <= b),
  gt: (a, b) => +(a > b),
  ge: (a, b) => +(a >= b),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
};
const foldDivision: Partial<Record<ComputedOp, (a: number, b: number) => number>> = {
  div: (a, b) => Math.trunc(a / b),
  rem: (a, b) => a % b,
};

const isConstant = (v: Value): boolean => v.op === "const" && v.type !== "f32";

/** A choice that is known, of any type. */
export function foldSelect(name: ComputedOp, [condition, yes, no]: readonly Value[]): Value | undefined {
  if (name !== "select") return undefined;
  if (condition.op === "const") return condition.attr ? yes : no;
  return yes === no ? yes : undefined;
}

export function foldInteger(
  k: KernelBuilder,
  name: ComputedOp,
  type: ValueType,
  args: readonly Value[],
): Value | undefined {
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
  if (name === "shr") return k.constant(type as "i32" | "u32", type === "u32" ? a >>> b : a >> b);
  const exact = integerOps[name] ?? (b ? foldDivision[name] : undefined);
  return exact && k.constant(type as "i32" | "u32" | "bool", exact(a, b));
}

/** A constant's value under another type: a float saturates as an integer, integers wrap. */
export function convertConstant(from: ScalarType, to: ScalarType, x: number): number {
  if (from !== "f32" || (to !== "i32" && to !== "u32")) return x;
  const [min, max] = to === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), min), max);
}

const view = new DataView(new ArrayBuffer(4));

/** The number that a constant's 32 bits are under another type. */
export function reinterpretConstant(from: ScalarType, to: ScalarType, x: number): number {
  if (from === "f32") view.setFloat32(0, x);
  else view.setUint32(0, x >>> 0);
  return to === "f32" ? view.getFloat32(0) : to === "i32" ? view.getInt32(0) : view.getUint32(0);
}
