/** How prefix folds are differentiated and batched. */
import { scanAssociatively } from "./associative-scan.ts";
import type { CumulativeParams } from "./cumulative.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

export type CumulativeRules = Pick<PrimitiveRules<CumulativeParams>, "jvp" | "transpose">;
/** How the combined value c of a and b moves with a, and with b. */
type Slopes = (ops: OpBuilder, a: Operand, b: Operand, c: Operand) => readonly [Operand, Operand];

export const batchCumulative =
  (name: string): NonNullable<PrimitiveRules<CumulativeParams>["batch"]> =>
  ({ bind1 }, [x], [dim], { params }) =>
    batched(bind1(name, [x], { ...params, axis: shifted([params.axis], dim as number)[0] }), dim);

export const cumsumRules: CumulativeRules = {
  jvp: linearJvp("cumsum"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("cumsum", [ct], { ...params, reverse: !params.reverse })],
};

/** Scans pairs of values and tangents, combined as `combine` says. */
export const scanJvp =
  (
    combine: (ops: OpBuilder, a: Operand, b: Operand) => Operand,
    slopes: Slopes,
  ): NonNullable<PrimitiveRules<CumulativeParams>["jvp"]> =>
  (ops, [x], [dx], { params: { axis, reverse } }) => {
    if (dx === null) return [null];
    const turned = (y: Operand): Operand => (reverse ? ops.bind1("rev", [y], { dimensions: [axis] }) : y);
    const [, tangent] = scanAssociatively(
      ops,
      ([a, da], [b, db]) => {
        const c = combine(ops, a, b);
        const [byA, byB] = slopes(ops, a, b, c);
        return [c, ops.addAny(ops.mul(da, byA), ops.mul(byB, db)) as Operand];
      },
      [turned(x), turned(dx)],
      axis,
    );
    return [turned(tangent)];
  };

export const productSlopes: Slopes = (_, a, b) => [b, a];

/** 1 for what is the extreme alone, 1/2 for each if both are. */
export const extremeSlopes: Slopes = ({ div, select, eq, fullLike }, a, b, c) => {
  const share = (x: Operand, other: Operand): Operand =>
    div(select(eq(x, c), fullLike(c, 1), fullLike(c, 0)), select(eq(other, c), fullLike(c, 2), fullLike(c, 1)));
  return [share(a, b), share(b, a)];
};

export function logAddExpOf(
  { max, sub, add, abs, neg, exp, log1p, ne, select }: OpBuilder,
  a: Operand,
  b: Operand,
): Operand {
  const difference = sub(a, b);
  // Equal infinities differ by NaN.
  return select(ne(difference, difference), add(a, b), add(max(a, b), log1p(exp(neg(abs(difference))))));
}

export const logAddExpSlopes: Slopes = ({ exp, sub, select, eq, fullLike }, a, b, c) => {
  const finite = (x: Operand): Operand => select(eq(x, Number.POSITIVE_INFINITY), fullLike(x, 0), x);
  const bottom = (x: Operand): Operand => select(eq(x, Number.NEGATIVE_INFINITY), fullLike(x, 0), x);
  return [exp(sub(finite(a), bottom(finite(c)))), exp(sub(finite(b), bottom(finite(c))))];
};
