/** Rules of ops that are linear in their operands. */
import type { Params } from "../jaxpr/ir.ts";
import type { Operand } from "./op-builder.ts";
import type { Batched, PrimitiveRules } from "./primitive.ts";

/** The tangent of a linear op is the op of the tangents. */
export const linearJvp =
  <P extends Params>(name: string): NonNullable<PrimitiveRules<P>["jvp"]> =>
  (ops, primals, tangents, { params }) =>
    ops.bind(
      name,
      tangents.map((t, i) => t ?? ops.zeros(primals[i].aval)),
      params,
    );

/** One result, with its mapped axis. */
export const batched = (result: Operand, dim: number | null): Batched => ({ results: [result], dims: [dim] });

/** Axes of an operand, where it has an additional one at `dim`. */
export const shifted = (axes: readonly number[], dim: number): number[] =>
  axes.map((axis) => (axis < dim ? axis : axis + 1));

/** Axes of an operand, where it has an additional one in front. */
export const shiftedByOne = (axes: readonly number[]): number[] => axes.map((axis) => axis + 1);
