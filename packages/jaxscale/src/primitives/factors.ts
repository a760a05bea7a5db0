/** Writing sharding rules: an op's dimensions as products of named factors. */
import { type DType, isFloat } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import type { Factor, LoweringContext, ShardingRule } from "./primitive.ts";

/** A dimension as the factors it is the product of, major first; none for size 1. */
export type Dimension = readonly string[];

export interface FactorList {
  /** Slices of the operands along it give the slice of the result. */
  readonly parallel: (size: number) => Dimension;
  /** Every device needs the whole dimension. */
  readonly replicated: (size: number) => Dimension;
  /** Partial results over it combine. */
  readonly reduction: (size: number, combine?: Factor["combine"], isFirst?: boolean) => Dimension;
  readonly rule: (
    operands: readonly (readonly Dimension[])[],
    results: readonly (readonly Dimension[])[],
  ) => ShardingRule;
}

/** An empty list of factors: each call of a kind names a new one. */
export function newFactors(): FactorList {
  const factors: Record<string, Factor> = {};
  const add = (factor: Factor): Dimension => {
    if (factor.size === 1) return [];
    const n = Object.keys(factors).length;
    const name = n < 18 ? String.fromCharCode("i".charCodeAt(0) + n) : `z${n - 17}`;
    factors[name] = factor;
    return [name];
  };
  return {
    parallel: (size) => add({ size, kind: "parallel" }),
    replicated: (size) => add({ size, kind: "replicated" }),
    reduction: (size, combine, isFirst) =>
      add({ size, kind: "reduction", ...(combine && { combine }), ...(isFirst && { isFirst }) }),
    rule: (operands, results) => ({ operands, results, factors }),
  };
}

/** Sizes of dimensions out of the sizes of their factors. */
export const localShape = (dimensions: readonly Dimension[], sizes: Readonly<Record<string, number>>): Shape =>
  dimensions.map((factors) => factors.reduce((size, name) => size * sizes[name], 1));

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Names for a reshape: dimensions that line up share factors (`[32] -> [2,16]` is `(i j) -> i, j`); where the
 * shapes do not nest, only the major part that both divide by is shared and the rest is replicated.
 */
export function reshapeFactors(from: Shape, to: Shape): ShardingRule {
  const f = newFactors();
  if (from.includes(0) || to.includes(0)) return f.rule([from.map(f.replicated)], [to.map(f.replicated)]);
  const operand: string[][] = from.map(() => []);
  const result: string[][] = to.map(() => []);
  let [i, j] = [0, 0];
  // Sizes still to be named of the current dimensions.
  let [a, b] = [from[0], to[0]];
  const share = (size: number): void => {
    const factor = f.parallel(size);
    operand[i].push(...factor);
    result[j].push(...factor);
    a /= size;
    b /= size;
  };
  while (i < from.length && j < to.length) {
    share(gcd(a, b));
    // Neither is used up: go on until both sides have passed the same number of elements.
    if (a > 1 && b > 1) {
      operand[i].push(...f.replicated(a));
      result[j].push(...f.replicated(b));
      while (a !== b) {
        if (a < b) {
          a *= from[++i];
          operand[i].push(...f.replicated(from[i]));
        } else {
          b *= to[++j];
          result[j].push(...f.replicated(to[j]));
        }
      }
      [a, b] = [1, 1];
    }
    if (a === 1) a = from[++i];
    if (b === 1) b = to[++j];
  }
  return f.rule([operand], [result]);
}

/** The rule of ops whose operands every device needs whole. */
export function replicatedRule({
  inputs,
  outputs,
}: Pick<LoweringContext<unknown>, "inputs" | "outputs">): ShardingRule {
  const factors: Record<string, { size: number; kind: "replicated" }> = {};
  const whole = (shape: readonly number[]): readonly (readonly string[])[] =>
    shape.map((size) => {
      if (size === 1) return [];
      const name = `r${Object.keys(factors).length}`;
      factors[name] = { size, kind: "replicated" };
      return [name];
    });
  return { operands: inputs.map((a) => whole(a.shape)), results: outputs.map((a) => whole(a.shape)), factors };
}

/** Parameters of a product whose result, if it is of floats, is left in float32. */
export const inFloat32 = <P extends { readonly preferredElementType: DType | null }>(params: P): P =>
  params.preferredElementType !== null && isFloat(params.preferredElementType)
    ? { ...params, preferredElementType: "float32" }
    : params;
