/** How elementwise ops are differentiated and batched. */
import { type Shape, sameShape } from "../base/shapes.ts";
import type { Params } from "../jaxpr/ir.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

/** Tangent of a result out of the operands, their tangents (null: zero) and the result. A list is summed. */
export type ElementwiseJvp<P> = (
  ops: OpBuilder,
  primals: readonly Operand[],
  tangents: readonly (Operand | null)[],
  result: Operand,
  params: P,
) => Operand | null | readonly (Operand | null)[];

/** The same for an op of one operand, whose tangent is not zero. */
export type UnaryJvp<P> = (
  ops: OpBuilder,
  primals: readonly [Operand],
  tangents: readonly [Operand],
  result: Operand,
  params: P,
) => Operand | null;

/** Of ops that are constant between their steps. */
export const noTangent = (): null => null;

const isList = (x: Operand | null | readonly (Operand | null)[]): x is readonly (Operand | null)[] => Array.isArray(x);

export const elementwiseJvp =
  <P extends Params>(rule: ElementwiseJvp<P>): NonNullable<PrimitiveRules<P>["jvp"]> =>
  (ops, primals, tangents, { results: [result], params }) => {
    const out = rule(ops, primals, tangents, result, params);
    return [isList(out) ? out.reduce(ops.addAny, null) : out];
  };

/** The op on operands whose mapped axes are made to meet; axes of size 1 and scalars stretch by themselves. */
export const batchElementwise =
  <P extends Params>(name: string): NonNullable<PrimitiveRules<P>["batch"]> =>
  (ops, operands, dims, { params, axis }) => {
    const first = dims.findIndex((dim) => dim !== null);
    const dim = dims[first] as number;
    const { shape } = operands[first].aval;
    const meets = ({ aval }: Operand, i: number): boolean =>
      aval.shape.length === 0 || (dims[i] === dim && (operands.length === 1 || sameShape(aval.shape, shape)));
    if (operands.every(meets)) return { results: ops.bind(name, operands, params), dims: [dim] };
    const fronted = operands.map((x, i) => {
      if (x.aval.shape.length === 0) return x;
      return ops.batchToFront(x, dims[i], dims[i] === null ? 1 : axis.size);
    });
    const rank = Math.max(...fronted.map((x) => x.aval.shape.length));
    const ranked = fronted.map((x, i) => (dims[i] === null ? x : withRank(ops, x, rank)));
    return { results: ops.bind(name, ranked, params), dims: [0] };
  };

/** Trailing axes of size 1 up to a rank. */
export function withRank(ops: OpBuilder, x: Operand, rank: number): Operand {
  const own = x.aval.shape.length;
  return ops.expandDims(
    x,
    Array.from({ length: rank - own }, (_, i) => own + i),
  );
}

/** x stretched to a shape that it broadcasts to. */
export function stretchTo(ops: OpBuilder, x: Operand, shape: Shape): Operand {
  const own = x.aval.shape;
  if (sameShape(own, shape)) return x;
  const kept = own.map((_, axis) => axis).filter((axis) => own[axis] === shape[axis]);
  const squeezed = ops.reshape(
    x,
    kept.map((axis) => own[axis]),
  );
  return ops.broadcastInDim(squeezed, shape, kept);
}
