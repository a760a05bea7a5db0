/** Horner's scheme, and the way from a function of scalars to one of vectors. */
import type { KernelBuilder } from "./builder.ts";
import { constantsLike } from "./float.ts";
import { laneCount, type Value } from "./ir.ts";

/** `c[0] + c[1]·x + c[2]·x² + …` */
export function polynomial(k: KernelBuilder, x: Value, coefficients: readonly number[]): Value {
  const { f } = constantsLike(k, x);
  const [last, ...rest] = coefficients.toReversed();
  return rest.reduce((sum, c) => k.fma(sum, x, f(c)), f(last));
}

/** Applies a function of scalars, one that branches say, to each lane. */
export function mapLanes(k: KernelBuilder, operands: readonly Value[], apply: (...lanes: Value[]) => Value): Value {
  const lanes = laneCount(operands[0].type);
  if (lanes === 1) return apply(...operands);
  return k.vec(Array.from({ length: lanes }, (_, i) => apply(...operands.map((x) => k.lane(x, i)))));
}
