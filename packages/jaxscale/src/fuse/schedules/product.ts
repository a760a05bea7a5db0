/** A contraction as a product of matrices: its axes gathered into batch, row, column and depth. */
import { computeType } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import { type Shape, sizeOf } from "../../base/shapes.ts";
import type { Atom, Var } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import { Index } from "../../kernel/index-space.ts";
import { scalarOf, type Value } from "../../kernel/ir.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";

/** One operand's axes, in the order of its free, contracting and batch dimensions. */
export interface Side {
  readonly atom: Atom;
  readonly free: readonly number[];
  readonly contracting: readonly number[];
  readonly batch: readonly number[];
}

/** The product as `out[b, i, j] = Σ_d rows[b, i, d] · columns[b, j, d]`. Rows and columns may be exchanged lhs and rhs. */
export interface Product {
  readonly result: Var;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly rowSide: Side;
  readonly columnSide: Side;
  /** Row-major position in the result. */
  readonly position: (k: KernelBuilder, batch: Value, row: Value, column: Value) => Value;
  /** Whether consecutive columns are consecutive in the result. */
  readonly columnsAreLast: boolean;
  /** What sums are kept in. */
  readonly accumulator: "f32" | "i32" | "u32";
}

export function productOf(group: Group): Product {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "contraction", "a contraction group begins with its contraction");
  const axes = lowering.axes(contextOf(eqn));
  const side = (atom: Atom, contracting: readonly number[], batch: readonly number[]): Side => ({
    atom,
    contracting,
    batch,
    free: atom.aval.shape.map((_, i) => i).filter((i) => !contracting.includes(i) && !batch.includes(i)),
  });
  const lhs = side(eqn.inputs[0], axes.lhsContracting, axes.lhsBatch);
  const rhs = side(eqn.inputs[1], axes.rhsContracting, axes.rhsBatch);
  const extent = (s: Side, dims: readonly number[]): number => sizeOf(dims.map((d) => s.atom.aval.shape[d]));
  const [m, n] = [extent(lhs, lhs.free), extent(rhs, rhs.free)];
  // A product with a vector on the right is done as one with the vector on the left.
  const exchanged = n === 1 && m > 1;
  const type = computeType(eqn.outputs[0].aval.dtype);
  return {
    result: eqn.outputs[0],
    batch: extent(lhs, lhs.batch),
    rows: exchanged ? n : m,
    columns: exchanged ? m : n,
    depth: extent(lhs, lhs.contracting),
    rowSide: exchanged ? rhs : lhs,
    columnSide: exchanged ? lhs : rhs,
    columnsAreLast: true,
    accumulator: type === "bool" ? "u32" : type,
    position: (k, b, row, column) => {
      const [i, j] = exchanged ? [column, row] : [row, column];
      return k.add(k.add(k.mul(b, k.i32(m * n)), k.mul(i, k.i32(n))), j);
    },
  };
}

/** Where an operand's element (batch, free, depth) lies. */
export function sideIndex(k: KernelBuilder, side: Side, batch: Value, free: Value, depth: Value): Index {
  const { shape } = side.atom.aval;
  const coords = new Array<Value>(shape.length);
  const spread = (dims: readonly number[], position: Value): void => {
    const inner: Shape = dims.map((d) => shape[d]);
    Index.fromLinear(k, inner, position).coords.forEach((c, i) => (coords[dims[i]] = c));
  };
  spread(side.batch, batch);
  spread(side.free, free);
  spread(side.contracting, depth);
  return Index.fromCoords(k, shape, coords);
}

/** A value in the type that sums are kept in. */
export const widen = (k: KernelBuilder, product: Product, v: Value): Value => k.cast(product.accumulator, v);

/** What a sum makes of the result: a bool is whether any of its products is true. */
export const resultOf = (k: KernelBuilder, { result }: Product, sum: Value): Value =>
  k.cast(computeType(result.aval.dtype), sum);

/** `a · b + sum`. */
export const multiplyAdd = (k: KernelBuilder, a: Value, b: Value, sum: Value): Value =>
  scalarOf(sum.type) === "f32" ? k.fma(a, b, sum) : k.add(k.mul(a, b), sum);
