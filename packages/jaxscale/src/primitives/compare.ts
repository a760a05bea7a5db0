/** Comparisons of equal dtypes, to bool. With NaN only `ne` is true; false comes before true. */
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Value } from "../kernel/ir.ts";
import { defineBinary } from "./define-elementwise.ts";

type Compare = (k: KernelBuilder, x: Value, y: Value) => Value;

/** @param bools the comparison of two bools, which WGSL does not order */
const defineComparison = (
  name: string,
  holds: (x: number, y: number) => boolean,
  numbers: Compare,
  bools: Compare = numbers,
) =>
  defineBinary(name, {
    accepts: () => true,
    result: () => "bool",
    exact: true,
    reference: (x, y) => (holds(x, y) ? 1 : 0),
    kernel: (k, x, y) => (x.type === "bool" ? bools : numbers)(k, x, y),
  });

export const eq = defineComparison(
  "eq",
  (x, y) => x === y,
  (k, x, y) => k.eq(x, y),
);
export const ne = defineComparison(
  "ne",
  (x, y) => x !== y,
  (k, x, y) => k.ne(x, y),
);
export const lt = defineComparison(
  "lt",
  (x, y) => x < y,
  (k, x, y) => k.lt(x, y),
  (k, x, y) => k.and(k.not(x), y),
);
export const le = defineComparison(
  "le",
  (x, y) => x <= y,
  (k, x, y) => k.le(x, y),
  (k, x, y) => k.or(k.not(x), y),
);
export const gt = defineComparison(
  "gt",
  (x, y) => x > y,
  (k, x, y) => k.gt(x, y),
  (k, x, y) => k.and(x, k.not(y)),
);
export const ge = defineComparison(
  "ge",
  (x, y) => x >= y,
  (k, x, y) => k.ge(x, y),
  (k, x, y) => k.or(x, k.not(y)),
);
