/** Constants as WGSL text. */
import type { Value } from "../kernel/ir.ts";

const largestF32 = 3.4028234663852886e38;
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

function bitsOfF32(x: number): number {
  f32[0] = x;
  return u32[0];
}

/** Shortest decimal that reads back as the same f32, always with a point or an exponent. */
export function f32Literal(x: number): string {
  if (x === 0) return Object.is(x, -0) ? "-0.0f" : "0.0f";
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(x.toPrecision(digits));
    // WGSL refuses a decimal beyond the largest f32, even one that would round to it.
    if (Math.fround(short) !== Math.fround(x) || Math.abs(short) > largestF32) continue;
    const text = String(short);
    return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
  }
  if (Math.abs(x) === largestF32) return `${x}f`;
  throw new RangeError(`not a finite f32: ${x}`);
}

/** The constant as something that Tint does not evaluate: it refuses NaN and infinities, also as results of constant operands. */
export function runtimeConstant(v: Value): string {
  const n = v.attr as number;
  if (v.type === "f32") return `bitcast<f32>(0x${bitsOfF32(n).toString(16).padStart(8, "0")}u | zero_bits)`;
  if (v.type === "i32") return `bitcast<i32>(${n >>> 0}u | zero_bits)`;
  if (v.type === "u32") return `(${n}u | zero_bits)`;
  return `(zero_bits ${n ? "==" : "!="} 0u)`;
}

/** Tint turns -0.0 into 0.0, and may flush denormals. */
const isWritable = (x: number): boolean =>
  Number.isFinite(x) && !Object.is(x, -0) && (x === 0 || Math.abs(x) >= 2 ** -126);

export function constantText(v: Value): string {
  const n = v.attr as number;
  if (v.type === "bool") return n ? "true" : "false";
  if (v.type === "u32") return `${n}u`;
  if (v.type === "i32") return n === -(2 ** 31) ? "i32(-2147483647 - 1)" : String(n);
  return isWritable(n) ? f32Literal(n) : runtimeConstant(v);
}

/** Whether WGSL would call the expression constant, and so evaluate it when the shader is made. */
export const isConstantExpression = (v: Value): boolean =>
  v.op === "const"
    ? v.type !== "f32" || isWritable(v.attr as number)
    : (v.op === "vec" || v.op === "lane" || v.op === "cast") && v.args.every(isConstantExpression);
