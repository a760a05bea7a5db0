/** Inclusive prefix folds along one axis. */
import { isFloat } from "../base/dtypes.ts";
import { sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { gatherAlong, ownElement } from "./along-devices.ts";
import { scanAssociatively } from "./associative-scan.ts";
import { checkAxis } from "./axes.ts";
import { stretchTo } from "./define-elementwise.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import { checkAccepts, initialValue, logAddExp, type Monoid, max, min, product, sum } from "./monoids.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type PrimitiveRules,
  type ShardingRule,
} from "./primitive.ts";
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
  (combine: Combine, slopes: Slopes): NonNullable<PrimitiveRules<CumulativeParams>["jvp"]> =>
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

/** Each device folds its own part, then all get the totals of all and combine those before them: a number a row and device moves. */
function foldAcross(
  ops: OpBuilder,
  name: string,
  monoid: Monoid,
  combine: Combine,
  context: PartitionContext<CumulativeParams>,
): readonly Part[] | undefined {
  const {
    params: { axis, reverse },
    inputs: [{ dtype, weakType }],
    sizes,
  } = context;
  const arranged = context.arranged(cumulativeRule(context, (f, size) => f.parallel(size)));
  const [layout] = arranged.operands;
  const [x] = layout[axis].length > 0 ? arranged.parts() : [];
  if (!x || x.aval.shape[axis] === 0) return undefined;
  const fold = (y: Operand): Operand => ops.bind1(name, [y], { axis, reverse });
  // What is rounded is the whole result.
  const own = fold(monoid.exact || !isFloat(dtype) ? x : ops.convert(x, "float32", weakType));
  const { shape } = own.aval;
  const last = reverse ? 0 : shape[axis] - 1;
  const total = ops.slice(own, shape.map(() => 0).with(axis, last), shape.with(axis, last + 1));
  const totals = gatherAlong(ops, total, axis, layout[axis], sizes);
  const shift = reverse ? [-1, 1, 0] : [1, -1, 0];
  const before = ops.pad(
    totals,
    ops.literal(monoid.initial(dtype), totals.aval.dtype),
    shape.map((_, d) => (d === axis ? shift : [0, 0, 0])),
  );
  const offset = stretchTo(ops, ownElement(ops, fold(before), axis, layout[axis], sizes), shape);
  return [{ value: ops.convert(combine(ops, offset, own), dtype, weakType), layout }];
}

function cumulativeRule(
  { inputs: [x], params }: Pick<LoweringContext<CumulativeParams>, "inputs" | "params">,
  along: (f: FactorList, size: number) => Dimension,
): ShardingRule {
  const f = newFactors();
  const dims = x.shape.map((size, axis) => (axis === params.axis ? along(f, size) : f.parallel(size)));
  return f.rule([dims], [dims]);
}

type Combine = (ops: OpBuilder, a: Operand, b: Operand) => Operand;

/** @param combine the op on two values */
function defineCumulative(
  name: string,
  given: Monoid,
  combine: Combine,
  rules: CumulativeRules,
): PrimitiveRules<CumulativeParams> {
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
    sharding: (context) => cumulativeRule(context, (f, size) => f.replicated(size)),
    partition: (ops, _, context) => foldAcross(ops, name, monoid, combine, context),
    cost: ({ inputs: [x] }) => ({
      flops: monoid.flops * sizeOf(x.shape),
      transcendentals: monoid.transcendentals * sizeOf(x.shape),
    }),
    exact: monoid.exact,
    printParams: ({ axis, reverse }) => ({ axis: String(axis), reverse: bool(reverse) }),
  });
}

const timesOf: Combine = ({ mul }, a, b) => mul(a, b);
const maxOf: Combine = ({ max }, a, b) => max(a, b);
const minOf: Combine = ({ min }, a, b) => min(a, b);

/** Running sums; accumulates in f32 or 32-bit integers. */
export const cumsum = defineCumulative("cumsum", sum, ({ add }, a, b) => add(a, b), cumsumRules);
/** Running products. */
export const cumprod = defineCumulative("cumprod", product, timesOf, { jvp: scanJvp(timesOf, productSlopes) });
/** Running maxima; NaN from the first NaN on. */
export const cummax = defineCumulative("cummax", max, maxOf, { jvp: scanJvp(maxOf, extremeSlopes) });
/** Running minima; NaN from the first NaN on. */
export const cummin = defineCumulative("cummin", min, minOf, { jvp: scanJvp(minOf, extremeSlopes) });
/** Running `log(Σ exp x)`, of floats. */
export const cumlogsumexp = defineCumulative("cumlogsumexp", logAddExp, logAddExpOf, {
  jvp: scanJvp(logAddExpOf, logAddExpSlopes),
});
