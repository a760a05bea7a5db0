/**
 * Keeps drivers from simplifying float expressions in ways that lose NaN, infinity or rounding: `x * 0`, `x - x`,
 * `(a + b) - b`, `(x + c) - c`, `(a * b) / b`. One operand is hidden behind bits that only a running kernel knows.
 */
import type { KernelBuilder } from "./builder.ts";
import type { ComputedOp } from "./grammar.ts";
import { laneCount, scalarOf, type Value } from "./ir.ts";

/** 0, of which the driver's compiler knows nothing. */
const hiddenZero = (k: KernelBuilder): Value =>
  // A grid has fewer than 2^31 workgroups, which no compiler may assume.
  k.shr(k.bitcast("u32", k.groups(0)), k.u32(31));

/** `x`, of which the driver's compiler knows nothing. */
export const hide = (k: KernelBuilder, x: Value): Value =>
  k.bitcast("f32", k.or(k.bitcast("u32", x), k.splat(hiddenZero(k), laneCount(x.type))));

/** The same for an i32 of known range. */
export const hideCount = (k: KernelBuilder, count: number): Value =>
  k.assume(k.bitcast("i32", k.or(k.u32(count), hiddenZero(k))), { min: count, max: count });

const sums: ReadonlySet<string> = new Set(["add", "sub"]);
const products: ReadonlySet<string> = new Set(["mul", "div"]);

const constantOf = (v: Value): number | undefined => {
  const scalar = v.op === "vec" && v.args.length === 1 ? v.args[0] : v;
  return scalar.op === "const" ? (scalar.attr as number) : undefined;
};

/** Whether `outer` could undo part of what `inner` did. */
function mayCancel(inner: Value, outer: Value, family: ReadonlySet<string>): boolean {
  if (!family.has(inner.op)) return false;
  return inner.args.some((a) => a === outer || (constantOf(a) !== undefined && constantOf(outer) !== undefined));
}

/** The operands of a float op, one hidden where the driver might cancel. */
export function hideCancellation(k: KernelBuilder, name: ComputedOp, args: readonly Value[]): readonly Value[] {
  if (args.length < 2 || scalarOf(args[0].type) !== "f32") return args;
  const [a, b] = args;
  if (name === "sub" && a === b) return [hide(k, a), b];
  if (name === "add" || name === "sub") {
    if (mayCancel(a, b, sums)) return [hide(k, a), b];
    if (mayCancel(b, a, sums)) return [a, hide(k, b)];
    // -a + a
    if ((b.op === "neg" && b.args[0] === a) || (a.op === "neg" && a.args[0] === b)) return [a, hide(k, b)];
  }
  if (name === "mul" || name === "div" || name === "fma") {
    if (constantOf(a) === 0) return [hide(k, a), ...args.slice(1)];
    const limit = constantOf(b);
    if (limit === 0 || limit === Infinity || limit === -Infinity) return [a, hide(k, b), ...args.slice(2)];
  }
  if (name === "mul" || name === "div") {
    if (mayCancel(a, b, products)) return [hide(k, a), b];
    if (mayCancel(b, a, products)) return [a, hide(k, b)];
  }
  return args;
}
