/** Ops with parameters, as functions: what rules use most. */
import type { DType } from "../base/dtypes.ts";
import { type Shape, sameShape } from "../base/shapes.ts";
import type { Params, ShapedArray } from "../jaxpr/ir.ts";

/** A value that a rule computes with: an array or a tracer. */
export interface Operand {
  readonly aval: ShapedArray;
}
export type Bind = (name: string, operands: readonly Operand[], params?: Params) => readonly Operand[];
export type Bind1 = (name: string, operands: readonly Operand[], params?: Params) => Operand;
export type LiteralOf = (value: number, dtype: DType) => Operand;

export type StructuredOps = ReturnType<typeof structuredOps>;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const isIdentity = (permutation: readonly number[]): boolean => permutation.every((axis, i) => axis === i);

export function structuredOps(bind1: Bind1, literal: LiteralOf) {
  const broadcastInDim = (x: Operand, shape: Shape, broadcastDimensions: readonly number[]): Operand =>
    sameShape(x.aval.shape, shape)
      ? x
      : bind1("broadcast_in_dim", [x], { shape: [...shape], broadcastDimensions: [...broadcastDimensions] });
  const full = (shape: Shape, value: number, dtype: DType): Operand => broadcastInDim(literal(value, dtype), shape, []);
  const transpose = (x: Operand, permutation: readonly number[]): Operand =>
    isIdentity(permutation) ? x : bind1("transpose", [x], { permutation: [...permutation] });
  const reshape = (x: Operand, newSizes: Shape): Operand =>
    sameShape(x.aval.shape, newSizes) ? x : bind1("reshape", [x], { newSizes: [...newSizes] });
  const reduceSum = (x: Operand, axes: readonly number[]): Operand => bind1("reduce_sum", [x], { axes: [...axes] });
  const expandDims = (x: Operand, dimensions: readonly number[]): Operand => {
    if (dimensions.length === 0) return x;
    const kept = range(x.aval.shape.length + dimensions.length).filter((axis) => !dimensions.includes(axis));
    const shape = Array<number>(kept.length + dimensions.length).fill(1);
    kept.forEach((axis, i) => {
      shape[axis] = x.aval.shape[i];
    });
    return broadcastInDim(x, shape, kept);
  };
  /** Adds an axis of `size`, every element of which is x. */
  const broadcastAt = (x: Operand, axis: number, size: number): Operand => {
    const shape = x.aval.shape.toSpliced(axis, 0, size);
    return broadcastInDim(
      x,
      shape,
      range(shape.length).filter((i) => i !== axis),
    );
  };
  const moveAxis = (x: Operand, from: number, to: number): Operand =>
    transpose(
      x,
      range(x.aval.shape.length)
        .filter((axis) => axis !== from)
        .toSpliced(to, 0, from),
    );
  return {
    broadcastInDim,
    full,
    transpose,
    reshape,
    reduceSum,
    expandDims,
    broadcastAt,
    moveAxis,
    zeros: ({ shape, dtype, varying }: ShapedArray): Operand => {
      const zeros = full(shape, 0, dtype);
      return varying ? bind1("pvary", [zeros], { axes: varying }) : zeros;
    },
    fullLike: ({ aval }: Operand, value: number): Operand => full(aval.shape, value, aval.dtype),
    convert: (x: Operand, newDtype: DType, weakType = false): Operand =>
      x.aval.dtype === newDtype && x.aval.weakType === weakType
        ? x
        : bind1("convert_element_type", [x], { newDtype, weakType }),
    select: (which: Operand, onTrue: Operand, onFalse: Operand): Operand => bind1("select_n", [which, onFalse, onTrue]),
    squeeze: (x: Operand, dimensions: readonly number[]): Operand =>
      dimensions.length === 0 ? x : bind1("squeeze", [x], { dimensions: [...dimensions] }),
    concatenate: (xs: readonly Operand[], dimension: number): Operand =>
      xs.length === 1 ? xs[0] : bind1("concatenate", xs, { dimension }),
    slice: (x: Operand, startIndices: Shape, limitIndices: Shape, strides: Shape | null = null): Operand =>
      bind1("slice", [x], { startIndices, limitIndices, strides }),
    pad: (x: Operand, value: Operand, paddingConfig: readonly (readonly number[])[]): Operand =>
      bind1("pad", [x, value], { paddingConfig }),
    iota: (dtype: DType, shape: Shape, dimension: number): Operand => bind1("iota", [], { dtype, shape, dimension }),
    integerPow: (x: Operand, y: number): Operand => (y === 1 ? x : bind1("integer_pow", [x], { y })),
    /** Sum of two cotangents or tangents, of which null is zero. */
    addAny: (x: Operand | null, y: Operand | null): Operand | null =>
      x === null ? y : y === null ? x : bind1("add_any", [x, y]),
    /** Sums x over what it has more than `shape` by broadcasting. */
    unbroadcast: (x: Operand, { shape }: ShapedArray): Operand => {
      const own = x.aval.shape;
      if (sameShape(own, shape)) return x;
      if (shape.length === 0) return reduceSum(x, range(own.length));
      const stretched = range(own.length).filter((axis) => own[axis] !== shape[axis]);
      return reshape(stretched.length > 0 ? reduceSum(x, stretched) : x, shape);
    },
    /** x with the mapped axis in front: moved there, or added if there is none. */
    batchToFront: (x: Operand, dim: number | null, size: number): Operand =>
      dim === null ? broadcastAt(x, 0, size) : moveAxis(x, dim, 0),
  };
}
