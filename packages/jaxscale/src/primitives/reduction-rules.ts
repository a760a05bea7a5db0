/** How reductions are differentiated and batched. */
import { sizeOf } from "../base/shapes.ts";
import type { Params } from "../jaxpr/ir.ts";
import { batched, linearJvp, shifted } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";
import type { ReductionParams } from "./reduction.ts";

export type ReductionRules = Pick<PrimitiveRules<ReductionParams>, "jvp" | "differentiate" | "transpose">;

const others = (x: Operand, axes: readonly number[]): number[] =>
  x.aval.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));

/** Of every op with `axes` that it folds away. */
export const batchReduction =
  <P extends Params & ReductionParams>(name: string): NonNullable<PrimitiveRules<P>["batch"]> =>
  ({ bind1 }, [x], [at], { params }) => {
    const dim = at as number;
    const axes = shifted(params.axes, dim);
    return batched(bind1(name, [x], { ...params, axes }), others(x, axes).indexOf(dim));
  };

export const sumRules: ReductionRules = {
  jvp: linearJvp("reduce_sum"),
  transpose: ({ broadcastInDim }, [ct], _, { inputs: [{ shape }], params: { axes } }) => {
    const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    return [ct && broadcastInDim(ct, shape, kept)];
  },
};

/** The elements that are the extreme share the tangent equally. */
export const extremeJvp: NonNullable<PrimitiveRules<ReductionParams>["jvp"]> = (
  { reshape, convert, eq, reduceSum, div, mul },
  [x],
  [dx],
  { results: [y], params: { axes } },
) => {
  if (dx === null) return [null];
  const spread = reshape(
    y,
    x.aval.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  );
  const chosen = convert(eq(x, spread), dx.aval.dtype);
  const count = reduceSum(chosen, axes);
  return [div(reduceSum(mul(dx, chosen), axes), count)];
};

/** The product as a tree of products of two, so that no factor is divided by. */
export const productRules: ReductionRules = {
  differentiate: (ops, [x], [dx], { params: { axes } }) => {
    let [value, tangent] = [x, dx as Operand].map((y) => reducedToFront(ops, y, axes));
    if (value.aval.shape[0] === 0) {
      const shape = value.aval.shape.slice(1);
      return { results: [ops.full(shape, 1, x.aval.dtype)], tangents: [null] };
    }
    while (value.aval.shape[0] > 1) {
      const [low, high] = halves(ops, value, 1);
      const [lowTangent, highTangent] = halves(ops, tangent, 0);
      value = ops.mul(low, high);
      tangent = ops.addAny(ops.mul(lowTangent, high), ops.mul(low, highTangent)) as Operand;
    }
    return { results: [ops.squeeze(value, [0])], tangents: [ops.squeeze(tangent, [0])] };
  },
};

/** The reduced axes as one, in front. */
function reducedToFront({ reshape, transpose }: OpBuilder, x: Operand, axes: readonly number[]): Operand {
  const kept = others(x, axes);
  const { shape } = x.aval;
  const folded = sizeOf(axes.map((axis) => shape[axis]));
  return reshape(transpose(x, [...axes, ...kept]), [folded, ...kept.map((axis) => shape[axis])]);
}

/** Both halves along axis 0, the second filled up to the first's length. */
function halves({ slice, pad, literal }: OpBuilder, x: Operand, fill: number): readonly [Operand, Operand] {
  const { shape, dtype } = x.aval;
  const half = Math.ceil(shape[0] / 2);
  const zeros = shape.map(() => 0);
  const low = slice(x, zeros, shape.with(0, half));
  const high = slice(x, zeros.with(0, half), shape);
  if (shape[0] % 2 === 0) return [low, high];
  const config = shape.map((_, axis) => [0, axis === 0 ? 1 : 0, 0]);
  return [low, pad(high, literal(fill, dtype), config)];
}
