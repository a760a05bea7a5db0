/** Bounds of integer results from bounds of operands; undefined when unknown or when 32 bits could overflow. */
import type { ComputedOp } from "./grammar.ts";
import type { Range, Value, ValueType } from "./ir.ts";

const limits = { i32: { min: -(2 ** 31), max: 2 ** 31 - 1 }, u32: { min: 0, max: 2 ** 32 - 1 } };

type Bounds = (a: Range, b: Range) => Range | undefined;
const hull = (...xs: number[]): Range => ({ min: Math.min(...xs), max: Math.max(...xs) });

const binary: Partial<Record<ComputedOp, Bounds>> = {
  add: (a, b) => ({ min: a.min + b.min, max: a.max + b.max }),
  sub: (a, b) => ({ min: a.min - b.max, max: a.max - b.min }),
  mul: (a, b) => hull(a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max),
  div: (a, b) => {
    if (b.min <= 0) return undefined;
    return hull(...[a.min, a.max].flatMap((x) => [Math.trunc(x / b.min), Math.trunc(x / b.max)]));
  },
  rem: (a, b) => {
    if (b.min <= 0) return undefined;
    // Between two multiples of the divisor.
    if (b.min === b.max && a.min >= 0 && Math.floor(a.min / b.min) === Math.floor(a.max / b.min))
      return { min: a.min % b.min, max: a.max % b.min };
    return { min: a.min < 0 ? -(b.max - 1) : 0, max: Math.min(Math.max(a.max, 0), b.max - 1) };
  },
  min: (a, b) => ({ min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) }),
  max: (a, b) => ({ min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) }),
  and: (a, b) => (a.min >= 0 && b.min >= 0 ? { min: 0, max: Math.min(a.max, b.max) } : undefined),
  shr: (a, b) => (a.min >= 0 ? { min: a.min >> b.max, max: Math.floor(a.max / 2 ** b.min) } : undefined),
  shl: (a, b) => (a.min >= 0 ? { min: a.min * 2 ** b.min, max: a.max * 2 ** b.max } : undefined),
};

export function rangeOf(name: ComputedOp, type: ValueType, args: readonly Value[]): Range | undefined {
  if (type !== "i32" && type !== "u32") return undefined;
  const limit = limits[type];
  if (name === "select") {
    const [a, b] = [args[1].range, args[2].range];
    return a && b ? hull(a.min, a.max, b.min, b.max) : undefined;
  }
  if (args.length !== 2) return undefined;
  // One bounded side is enough for min and max.
  const [a, b] = [args[0].range, args[1].range];
  if ((name === "min" || name === "max") && (a || b)) return binary[name]?.(a ?? limit, b ?? limit);
  if (name === "rem" && b) return binary.rem?.(a ?? limit, b);
  if (!a || !b) return undefined;
  const out = binary[name]?.(a, b);
  return out && out.min >= limit.min && out.max <= limit.max ? out : undefined;
}
