/** Dimension numbers of products, as callers write them. */
import { describe } from "../../base/describe.ts";
import type { DotDimensionNumbers } from "../../primitives/dot-general.ts";

/** @throws TypeError unless they are lists of axes, nested as JAX nests them */
export function dotNumbers(op: string, numbers: DotDimensionNumbers): DotDimensionNumbers {
  const isPair = (x: unknown): x is readonly unknown[] => globalThis.Array.isArray(x) && x.length === 2;
  const isAxes = (x: unknown): boolean => globalThis.Array.isArray(x);
  if (isPair(numbers) && numbers.every((pair) => isPair(pair) && pair.every(isAxes))) return numbers;
  throw new TypeError(
    `${op}: dimension numbers must be [[lhs contracting, rhs contracting], [lhs batch, rhs batch]], lists of axes; got ${describe(numbers)}`,
  );
}
