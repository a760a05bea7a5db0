/** Inclusive prefix folds along one axis. */
import { sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { scanAssociatively } from "./associative-scan.ts";
import { checkAxis } from "./axes.ts";
import { newFactors } from "./factors.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import { checkAccepts, initialValue, logAddExp, type Monoid, max, min, product, sum } from "./monoids.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type PrimitiveRules } from "./primitive.ts";
import { bool } from "./python-text.ts";

export type CumulativeParams = {
  readonly axis: number;
  /** From the last element to the first. */
  readonly reverse: boolean;
};

function scan(x: HostTensor, { axis, reverse }: CumulativeParams, monoid: Monoid): HostTensor {
  const out = hostTensor(x.shape, x.dtype);
  const combine = monoid.combine(x.dtype);
  const length = x.shape[axis];
  const stride = stridesOf(x.shape)[axis];
  const lines = length === 0 ? 0 : sizeOf(x.shape) / length;
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / stride) * stride * length + (line % stride);
    let sofar = monoid.initial(x.dtype);
    for (let i = 0; i < length; i++) {
      const at = start + (reverse ? length - 1 - i : i) * stride;
      sofar = combine(sofar, x.values[at]);
      out.values[at] = sofar;
    }
  }
  return out;
}

export type CumulativeRules = Pick<PrimitiveRules<CumulativeParams>, "jvp" | "transpose">;
/** How the combined value c of a and b moves with a, and with b. */
type Slopes = (ops: OpBuilder, a: Operand, b: Operand, c: Operand) => readonly [Operand, Operand];

const batchCumulative =
  (name: string): NonNullable<PrimitiveRules<CumulativeParams>["batch"]> =>
  ({ bind1 }, [x], [dim], { params }) =>
    batched(bind1(name, [x], { ...params, axis: shifted([params.axis], dim as number)[0] }), dim);

const cumsumRules: CumulativeRules = {
  jvp: linearJvp("cumsum"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("cumsum", [ct], { ...params, reverse: !params.reverse })],
};

/** Scans pairs of values and tangents, combined as `combine` says. */
const scanJvp =
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

const productSlopes: Slopes = (_, a, b) => [b, a];

/** 1 for what is the extreme alone, 1/2 for each if both are. */
const extremeSlopes: Slopes = ({ div, select, eq, fullLike }, a, b, c) => {
  const share = (x: Operand, other: Operand): Operand =>
    div(select(eq(x, c), fullLike(c, 1), fullLike(c, 0)), select(eq(other, c), fullLike(c, 2), fullLike(c, 1)));
  return [share(a, b), share(b, a)];
};

function logAddExpOf({ max, sub, add, abs, neg, exp, log1p, ne, select }: OpBuilder, a: Operand, b: Operand): Operand {
  const difference = sub(a, b);
  // Equal infinities differ by NaN.
  return select(ne(difference, difference), add(a, b), add(max(a, b), log1p(exp(neg(abs(difference))))));
}

const logAddExpSlopes: Slopes = ({ exp, sub, select, eq, fullLike }, a, b, c) => {
  const finite = (x: Operand): Operand => select(eq(x, Number.POSITIVE_INFINITY), fullLike(x, 0), x);
  const bottom = (x: Operand): Operand => select(eq(x, Number.NEGATIVE_INFINITY), fullLike(x, 0), x);
  return [exp(sub(finite(a), bottom(finite(c)))), exp(sub(finite(b), bottom(finite(c))))];
};

function defineCumulative(name: string, given: Monoid, rules: CumulativeRules): PrimitiveRules<CumulativeParams> {
  const monoid: Monoid = {
    ...given,
    accepts: (dtype) => dtype !== "bool" && given.accepts(dtype),
    acceptable: given === logAddExp ? "floats" : "numbers",
  };
  return definePrimitive<CumulativeParams>(name, {
    batch: batchCumulative(name),
    ...rules,
    abstractEval: ([x], { axis }) => {
      checkAccepts(name, monoid, x);
      checkAxis(name, "axis", axis, x);
      return [x];
    },
    reference: ([x], params) => [scan(x, params, monoid)],
    lowering: {
      kind: "prefix",
      axis: ({ params }) => params.axis,
      reverse: ({ params }) => params.reverse,
      initial: (k, { inputs: [x] }) => initialValue(k, monoid, x.dtype),
      combine: (k, left, right, { inputs: [x] }) => monoid.kernel(k, left, right, x.dtype),
    },
    sharding: ({ inputs: [x], params }) => {
      const f = newFactors();
      const dims = x.shape.map((size, axis) => (axis === params.axis ? f.replicated(size) : f.parallel(size)));
      return f.rule([dims], [dims]);
    },
    cost: ({ inputs: [x] }) => ({
      flops: monoid.flops * sizeOf(x.shape),
      transcendentals: monoid.transcendentals * sizeOf(x.shape),
    }),
    exact: monoid.exact,
    printParams: ({ axis, reverse }) => ({ axis: String(axis), reverse: bool(reverse) }),
  });
}

/** Running sums; accumulates in f32 or 32-bit integers. */
export const cumsum = defineCumulative("cumsum", sum, cumsumRules);
/** Running products. */
export const cumprod = defineCumulative("cumprod", product, {
  jvp: scanJvp(({ mul }, a, b) => mul(a, b), productSlopes),
});
/** Running maxima; NaN from the first NaN on. */
export const cummax = defineCumulative("cummax", max, { jvp: scanJvp((ops, a, b) => ops.max(a, b), extremeSlopes) });
/** Running minima; NaN from the first NaN on. */
export const cummin = defineCumulative("cummin", min, { jvp: scanJvp((ops, a, b) => ops.min(a, b), extremeSlopes) });
/** Running `log(Σ exp x)`, of floats. */
export const cumlogsumexp = defineCumulative("cumlogsumexp", logAddExp, { jvp: scanJvp(logAddExpOf, logAddExpSlopes) });
