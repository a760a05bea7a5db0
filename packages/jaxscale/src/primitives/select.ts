/** Choices between operands: `select_n`, `clamp`. */
import { isBool, type LatticeType } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { type Shape, sameShape } from "../base/shapes.ts";
import type { Params, ShapedArray } from "../jaxpr/ir.ts";
import { clampNan } from "../kernel/float.ts";
import { defineNary, type ElementwiseJvp, formatAvals, uniformType } from "./define-elementwise.ts";
import { batched } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

type Rules = Pick<PrimitiveRules, "transpose" | "batch"> & { readonly jvp: ElementwiseJvp<Params> };

const selectRules: Rules = {
  jvp: ({ bind1, fullLike }, [which], [, ...tangents]) => {
    const given = tangents.find((t) => t !== null);
    if (!given) return null;
    const zero = tangents.includes(null) ? fullLike(given, 0) : given;
    return bind1("select_n", [which, ...tangents.map((t) => t ?? zero)]);
  },
  transpose: (ops, [ct], [which, ...cases], { inputs: [{ dtype }] }) => {
    if (ct === null || which === null) return [null, ...cases.map(() => null)];
    const zeros = ops.fullLike(ct, 0);
    const chosen = (i: number): Operand => {
      if (dtype !== "bool") return ops.select(ops.eq(which, i), ct, zeros);
      return i === 0 ? ops.select(which, zeros, ct) : ops.select(which, ct, zeros);
    };
    return [null, ...cases.map((x, i) => (x === null ? chosen(i) : null))];
  },
  batch: (ops, [which, ...cases], [whichDim, ...dims], { axis }) => {
    const select = (w: Operand, xs: readonly Operand[]): Operand => ops.bind1("select_n", [w, ...xs]);
    const rank = which.aval.shape.length;
    if (dims.every((dim) => dim === whichDim)) {
      const same = rank === cases[0].aval.shape.length;
      return batched(select(same ? which : spreadAlong(ops, which, cases[0], whichDim as number), cases), whichDim);
    }
    if (rank === 0 && dims.every((dim) => dim !== null)) {
      const [dim] = dims as readonly number[];
      return batched(
        select(
          which,
          cases.map((x, i) => ops.moveAxis(x, dims[i] as number, dim)),
        ),
        dim,
      );
    }
    const w = rank === 0 ? which : ops.batchToFront(which, whichDim, axis.size);
    const fronted = cases.every((x) => x.aval.shape.length === 0)
      ? cases
      : cases.map((x, i) => ops.batchToFront(x, dims[i], axis.size));
    const [{ aval }] = fronted;
    if (w.aval.shape.length > aval.shape.length)
      return batched(
        select(
          w,
          fronted.map((x) => ops.broadcastInDim(x, w.aval.shape, [])),
        ),
        0,
      );
    const mayStay = w.aval.shape.length === 0 || w.aval.shape.length === aval.shape.length;
    return batched(select(mayStay ? w : spreadAlong(ops, w, fronted[0], 0), fronted), 0);
  },
};

/** A vector as long as x's axis `dim`, over x's shape. */
const spreadAlong = (ops: OpBuilder, vector: Operand, x: Operand, dim: number): Operand =>
  ops.broadcastInDim(vector, x.aval.shape, [dim]);

const clampRules: Pick<Rules, "jvp" | "batch"> = {
  jvp: (ops, [low, x, high], [dLow, dx, dHigh]) => {
    const { select, and, gt, lt, zeros } = ops;
    const zero = zeros(x.aval);
    // A tangent of a scalar bound reaches every element.
    const spread = (t: Operand): Operand =>
      ops.broadcastInDim(t, x.aval.shape, t.aval.shape.length === 0 ? [] : [...x.aval.shape.keys()]);
    return [
      dLow && select(and(gt(low, x), lt(low, high)), spread(dLow), zero),
      dx && select(and(gt(x, low), lt(x, high)), dx, zero),
      dHigh && select(lt(high, x), spread(dHigh), zero),
    ];
  },
  batch: (ops, operands, dims, { axis }) => {
    const [lowDim, dim, highDim] = dims;
    const clamp = (xs: readonly Operand[]): Operand => ops.bind1("clamp", xs);
    const [low, x, high] = operands;
    const scalars = low.aval.shape.length === 0 && high.aval.shape.length === 0;
    if (dim !== null && scalars) return batched(clamp(operands), dim);
    const rank = x.aval.shape.length;
    const wholes = low.aval.shape.length === rank && high.aval.shape.length === rank;
    if (lowDim === dim && highDim === dim && wholes) return batched(clamp(operands), dim);
    const front = ops.batchToFront(x, dim, axis.size);
    const { shape } = front.aval;
    const bound = (y: Operand, yDim: number | null): Operand => {
      const { length } = y.aval.shape;
      if (length === 0) return ops.broadcastInDim(y, shape, []);
      const fronted = ops.batchToFront(y, yDim, axis.size);
      return fronted.aval.shape.length < shape.length ? spreadAlong(ops, fronted, front, 0) : fronted;
    };
    return batched(clamp([bound(low, lowDim), front, bound(high, highDim)]), 0);
  },
};

/**
 * `cases[which]`, element by element. Operands: which (bool for two cases, or int32), then the cases.
 * An index out of range takes the nearest case.
 * @throws DTypeError, ShapeError unless the cases agree and `which` is a scalar or has their shape
 */
export const selectN = defineNary("select_n", {
  ...selectRules,
  exact: true,
  resultType: selectType,
  resultShape: selectShape,
  reference: ([which, ...cases]) => cases[Math.min(Math.max(which, 0), cases.length - 1)],
  kernel: (k, [which, ...cases], { dtype }) =>
    isBool(dtype)
      ? cases.length === 1
        ? cases[0]
        : k.select(which, cases[1], cases[0])
      : cases.reduce((chosen, next, i) => k.select(k.ge(which, k.i32(i)), next, chosen)),
});

function selectType(inputs: readonly ShapedArray[]): LatticeType {
  const [which, ...cases] = inputs;
  if (which.dtype !== "bool" && which.dtype !== "int32")
    throw new DTypeError(`select_n: which must be bool or int32; got ${formatAvals([which])}`);
  if (cases.length === 0 || (which.dtype === "bool" && cases.length > 2))
    throw new ShapeError(
      `select_n: a bool chooses between at most two cases, an int32 between at least one; got ${cases.length} cases`,
    );
  if (cases.some((c) => c.dtype !== cases[0].dtype))
    throw new DTypeError(`select_n: cases must have equal dtypes; got ${formatAvals(cases)}`);
  return { dtype: cases[0].dtype, weakType: cases.every((c) => c.weakType) };
}

function selectShape([which, ...cases]: readonly ShapedArray[]): Shape {
  const { shape } = cases[0];
  if (cases.some((c) => !sameShape(c.shape, shape)))
    throw new ShapeError(`select_n: cases must have equal shapes; got ${formatAvals(cases)}`);
  if (which.shape.length > 0 && !sameShape(which.shape, shape))
    throw new ShapeError(
      `select_n: which must be a scalar or have the shape of the cases; got ${formatAvals([which, cases[0]])}`,
    );
  return shape;
}

/**
 * x within bounds. Operands: min, x, max, of one dtype; the bounds scalars or of x's shape.
 * NaN anywhere gives NaN; with min > max the result is max.
 * @throws DTypeError, ShapeError
 */
export const clamp = defineNary("clamp", {
  ...clampRules,
  exact: true,
  resultType: uniformType("clamp", { accepts: () => true }),
  resultShape: ([low, x, high]) => {
    for (const bound of [low, high])
      if (bound.shape.length > 0 && !sameShape(bound.shape, x.shape))
        throw new ShapeError(
          `clamp: bounds must be scalars or have the operand's shape; got ${formatAvals([low, x, high])}`,
        );
    return x.shape;
  },
  reference: ([low, x, high]) => Math.min(Math.max(x, low), high),
  kernel: (k, [low, x, high]) => (x.type === "bool" ? k.and(k.or(x, low), high) : clampNan(k, x, low, high)),
});
