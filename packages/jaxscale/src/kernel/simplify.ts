/**
 * Index arithmetic: sums in one canonical form, so that equal positions are the same value, and quotients and
 * remainders by constants resolved where bounds prove it. Applies only to i32 whose bounds are known (no overflow).
 */
import type { KernelBuilder } from "./builder.ts";
import type { ComputedOp } from "./grammar.ts";
import type { Range, Value } from "./ir.ts";

/** `constant + Σ coefficient · atom`, atoms by id. */
interface LinearForm {
  readonly constant: number;
  readonly terms: ReadonlyMap<Value, number>;
}

const forms = new WeakMap<Value, LinearForm>();

function linearForm(v: Value): LinearForm {
  const known = forms.get(v);
  if (known) return known;
  const [a, b] = v.args;
  let form: LinearForm;
  if (v.op === "const") form = { constant: v.attr as number, terms: new Map() };
  else if (v.op === "add" && v.type === "i32") form = combine(linearForm(a), 1, linearForm(b), 1);
  else if (v.op === "mul" && b.op === "const") form = scale(linearForm(a), b.attr as number);
  else form = { constant: 0, terms: new Map([[v, 1]]) };
  forms.set(v, form);
  return form;
}

function scale(f: LinearForm, by: number): LinearForm {
  if (by === 0) return { constant: 0, terms: new Map() };
  return { constant: f.constant * by, terms: new Map([...f.terms].map(([t, c]) => [t, c * by])) };
}

function combine(f: LinearForm, p: number, g: LinearForm, q: number): LinearForm {
  const terms = new Map([...f.terms].map(([t, c]) => [t, c * p]));
  for (const [t, c] of g.terms) {
    const sum = (terms.get(t) ?? 0) + c * q;
    if (sum === 0) terms.delete(t);
    else terms.set(t, sum);
  }
  return { constant: f.constant * p + g.constant * q, terms };
}

/** `(x / c) · c·a + (x % c) · a` is `x · a`. */
function rejoin(k: KernelBuilder, f: LinearForm): LinearForm {
  for (const [remainder, a] of f.terms) {
    if (remainder.op !== "rem" || remainder.args[1].op !== "const") continue;
    const [x, c] = remainder.args;
    if (!x.range || x.range.min < 0) continue;
    const quotient = linearForm(k.div(x, c));
    const coefficient = a * (c.attr as number);
    const [only] = quotient.terms;
    if (quotient.terms.size !== 1 || quotient.constant !== 0 || only[1] !== 1) continue;
    if (f.terms.get(only[0]) !== coefficient) continue;
    const rest = new Map(f.terms);
    rest.delete(remainder);
    rest.delete(only[0]);
    return rejoin(k, combine({ constant: f.constant, terms: rest }, 1, linearForm(x), a));
  }
  return f;
}

/** The value of a form: largest coefficients first, the constant last. */
function build(k: KernelBuilder, f: LinearForm): Value {
  const terms = [...f.terms].sort(([a, p], [b, q]) => q - p || a.id - b.id);
  let sum: Value | undefined;
  for (const [atom, coefficient] of terms) {
    const term = coefficient === 1 ? atom : k.raw("mul", atom, k.i32(coefficient));
    sum = sum ? k.raw("add", sum, term) : term;
  }
  if (!sum) return k.i32(f.constant);
  const value = f.constant === 0 ? sum : k.raw("add", sum, k.i32(f.constant));
  forms.set(value, f);
  return value;
}

function boundsOf(f: LinearForm): { min: number; max: number } | undefined {
  let [min, max] = [f.constant, f.constant];
  for (const [atom, c] of f.terms) {
    if (!atom.range) return undefined;
    min += c > 0 ? c * atom.range.min : c * atom.range.max;
    max += c > 0 ? c * atom.range.max : c * atom.range.min;
  }
  return min >= -(2 ** 31) && max < 2 ** 31 ? { min, max } : undefined;
}

/** Splits a form as `divisor · quotient + rest`, with rest proven in `[0, divisor)`. */
function divide(f: LinearForm, divisor: number): { quotient: LinearForm; rest: LinearForm } | undefined {
  const whole = new Map<Value, number>();
  const part = new Map<Value, number>();
  for (const [t, c] of f.terms) (c % divisor === 0 ? whole : part).set(t, c % divisor === 0 ? c / divisor : c);
  const low = ((f.constant % divisor) + divisor) % divisor;
  const rest = { constant: low, terms: part };
  const bounds = boundsOf(rest);
  if (!bounds || bounds.min < 0 || bounds.max >= divisor) return undefined;
  return { quotient: { constant: (f.constant - low) / divisor, terms: whole }, rest };
}

/** A position as what stays the same and the bounds of what varies; undefined where those are not known. */
export function boundsWithin(
  k: KernelBuilder,
  v: Value,
  varies: (v: Value) => boolean,
): { readonly fixed: Value; readonly rest: Range } | undefined {
  if (!bounded(v)) return undefined;
  const { constant, terms } = linearForm(v);
  const [fixed, rest] = [new Map<Value, number>(), new Map<Value, number>()];
  for (const [atom, coefficient] of terms) (varies(atom) ? rest : fixed).set(atom, coefficient);
  const bounds = boundsOf({ constant, terms: rest });
  const form = { constant: 0, terms: fixed };
  return bounds && boundsOf(form) && { fixed: build(k, form), rest: bounds };
}

export const commonDivisor = (a: number, b: number): number => (b === 0 ? Math.abs(a) : commonDivisor(b, a % b));

const bounded = (v: Value): boolean => v.range !== undefined && v.type === "i32";

export function simplifyInteger(k: KernelBuilder, name: ComputedOp, args: readonly Value[]): Value | undefined {
  const [a, b] = args;
  if (!b) return undefined;
  const compared = compareByBounds(k, name, a, b);
  if (compared) return compared;
  if (a.type === "i32" || a.type === "u32") {
    const neutral = withNeutral(k, name, a, b);
    if (neutral) return neutral;
  }
  if (!bounded(a) || !bounded(b)) return undefined;
  if (name === "add" || name === "sub") {
    const form = combine(linearForm(a), 1, linearForm(b), name === "add" ? 1 : -1);
    return boundsOf(form) ? build(k, rejoin(k, form)) : undefined;
  }
  if (name === "mul" && (b.op === "const" || a.op === "const")) {
    const [x, c] = b.op === "const" ? [a, b] : [b, a];
    const form = scale(linearForm(x), c.attr as number);
    return boundsOf(form) ? build(k, form) : undefined;
  }
  if ((name === "div" || name === "rem") && b.op === "const") return divideByConstant(k, name, a, b);
  if (name === "min" && a.range && b.range)
    return a.range.max <= b.range.min ? a : b.range.max <= a.range.min ? b : undefined;
  if (name === "max" && a.range && b.range)
    return a.range.min >= b.range.max ? a : b.range.min >= a.range.max ? b : undefined;
  return undefined;
}

function divideByConstant(k: KernelBuilder, name: "div" | "rem", a: Value, b: Value): Value | undefined {
  const divisor = b.attr as number;
  const range = a.range as { min: number; max: number };
  if (divisor <= 0 || range.min < 0) return undefined;
  if (range.max < divisor) return name === "div" ? k.i32(0) : a;
  if (divisor === 1) return name === "div" ? a : k.i32(0);
  const form = linearForm(a);
  const split = divide(form, divisor);
  if (split) return build(k, name === "div" ? split.quotient : split.rest);
  if (name === "div" && a.op === "div" && a.args[1].op === "const") {
    const product = divisor * (a.args[1].attr as number);
    if (product < 2 ** 31) return k.div(a.args[0], k.i32(product));
  }
  const factored = divideByFactor(k, name, form, divisor);
  if (factored) return factored;
  // Only what the divisor does not divide evenly is left to divide: (12a + b) / 4 = 3a + b / 4.
  const whole = new Map([...form.terms].filter(([, c]) => c % divisor === 0));
  if (whole.size > 0 && whole.size < form.terms.size) {
    const restForm = combine(form, 1, { constant: 0, terms: whole }, -1);
    const restBounds = boundsOf(restForm);
    const wholeBounds = boundsOf({ constant: 0, terms: whole });
    if (restBounds && restBounds.min >= 0 && wholeBounds && wholeBounds.min >= 0) {
      const rest = build(k, restForm);
      if (name === "rem") return k.rem(rest, b);
      return k.add(build(k, scale({ constant: 0, terms: whole }, 1 / divisor)), k.div(rest, b));
    }
  }
  return undefined;
}

/** `(64a + b) / 1024 = a / 16` and `(64a + b) % 1024 = 64 · (a % 16) + b`, for b in [0, 64). */
function divideByFactor(k: KernelBuilder, name: "div" | "rem", form: LinearForm, divisor: number): Value | undefined {
  const factors = new Set(
    [...form.terms.values()].map((c) => commonDivisor(c, divisor)).filter((g) => g > 1 && g < divisor),
  );
  for (const factor of [...factors].sort((a, b) => b - a)) {
    const split = divide(form, factor);
    if (!split) continue;
    const quotient = build(k, split.quotient);
    if (!quotient.range || quotient.range.min < 0) continue;
    const rest = k.i32(divisor / factor);
    if (name === "div") return k.div(quotient, rest);
    return k.add(k.mul(k.rem(quotient, rest), k.i32(factor)), build(k, split.rest));
  }
  return undefined;
}

function withNeutral(k: KernelBuilder, name: ComputedOp, a: Value, b: Value): Value | undefined {
  const is = (v: Value, n: number): boolean => v.op === "const" && v.attr === n;
  if (name === "add") return is(a, 0) ? b : is(b, 0) ? a : undefined;
  if (name === "sub" || name === "shl" || name === "shr" || name === "or" || name === "xor")
    return is(b, 0) ? a : undefined;
  if (name === "mul") return is(a, 1) ? b : is(b, 1) ? a : is(a, 0) ? a : is(b, 0) ? b : undefined;
  if (name === "div" && is(b, 1)) return a;
  if (name === "rem" && is(b, 1)) return k.constant(a.type as "i32" | "u32", 0);
  return undefined;
}

function compareByBounds(k: KernelBuilder, name: ComputedOp, a: Value, b: Value): Value | undefined {
  const [p, q] = [a.range, b.range];
  if (!p || !q) return undefined;
  if (name === "lt") return p.max < q.min ? k.bool(true) : p.min >= q.max ? k.bool(false) : undefined;
  if (name === "le") return p.max <= q.min ? k.bool(true) : p.min > q.max ? k.bool(false) : undefined;
  if (name === "gt") return compareByBounds(k, "lt", b, a);
  if (name === "ge") return compareByBounds(k, "le", b, a);
  if (name === "eq" && (p.max < q.min || q.max < p.min)) return k.bool(false);
  if (name === "ne" && (p.max < q.min || q.max < p.min)) return k.bool(true);
  return undefined;
}

/** `v` as a base and a constant offset. */
export function splitConstant(k: KernelBuilder, v: Value): { base: Value; offset: number } {
  if (!bounded(v)) return { base: v, offset: 0 };
  const form = linearForm(v);
  return form.constant === 0
    ? { base: v, offset: 0 }
    : { base: build(k, { constant: 0, terms: form.terms }), offset: form.constant };
}

/** A number that is known to divide `v`. */
export function divisorOf(v: Value): number {
  const form = linearForm(v);
  let common = form.constant;
  for (const c of form.terms.values()) common = commonDivisor(common, c);
  return common === 0 ? 2 ** 30 : common;
}

/** How `v` changes when `atom` grows by one, if it is linear in it as far as is known. */
export const coefficientOf = (v: Value, atom: Value): number => linearForm(v).terms.get(atom) ?? 0;

/** `v / divisor`, where what is left over is proven to lie in `[0, divisor)` term by term; so `v < n · divisor` is `it < n`. */
export function coarse(k: KernelBuilder, v: Value, divisor: number): Value | undefined {
  if (!bounded(v)) return undefined;
  const split = divide(linearForm(v), divisor);
  return split && split.rest.terms.size > 0 ? build(k, split.quotient) : undefined;
}
