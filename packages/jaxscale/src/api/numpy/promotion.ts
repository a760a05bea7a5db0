/** From operands as users write them to arrays that an equation takes: dtypes promoted, missing leading axes added, as NumPy and JAX do. */
import { type DType, isBool, isFloat, promoteTypes } from "../../base/dtypes.ts";
import { broadcastShapes } from "../../base/shapes.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { convertTo } from "../lax/convert.ts";
import { ne } from "../lax/elementwise.ts";
import { broadcastInDim } from "../lax/shape.ts";

/** A constant of an array's dtype: weak only beside a weak scalar, as in JAX. */
export const constant = (like: Array, value: number): Array =>
  convertTo(scalarOf(value, "float32", true), like.dtype, like.weakType && like.ndim === 0);
/** A constant of an array's dtype that leaves its weak type alone. */
export const constantAsWeak = (like: Array, value: number): Array =>
  convertTo(scalarOf(value, "float32", true), like.dtype, like.weakType);

/** Bools stay; of numbers, whether they are not 0. */
export const truth = (x: Array): Array => (isBool(x.dtype) ? x : ne(x, constant(x, 0)));

/** Which dtype an operation computes in, out of the promoted one. */
type Widen = (dtype: DType) => DType;
const asIs: Widen = (dtype) => dtype;
/** Of ints and bools float32. */
export const inexactDType: Widen = (dtype) => (isFloat(dtype) ? dtype : "float32");
/** Of bools int32. */
export const numericDType: Widen = (dtype) => (isBool(dtype) ? "int32" : dtype);

/** Numbers from 2³¹ on are ints where they meet a uint32 array, and floats elsewhere. */
function asOperands(op: string, xs: readonly ArrayLike[]): Array[] {
  const unsigned = xs.some((x) => typeof x === "object" && x?.dtype === "uint32");
  return xs.map((x) =>
    unsigned && typeof x === "number" && Number.isInteger(x) && x >= 2 ** 31 && x < 2 ** 32
      ? scalarOf(x, "uint32")
      : asArray(op, x),
  );
}

function promoteDTypes(op: string, xs: readonly ArrayLike[], widen: Widen): Array[] {
  const operands = asOperands(op, xs);
  const { dtype, weakType } = promoteTypes(op, operands);
  return operands.map((x) => convertTo(x, widen(dtype), weakType && !isBool(dtype)));
}

/** Arrays of one dtype, by the promotion lattice; shapes stay. @throws DTypeError unless all are arrays or numbers */
export const promoteTypesOf = (op: string, ...xs: readonly ArrayLike[]): Array[] =>
  xs.length === 1 ? [asArray(op, xs[0])] : promoteDTypes(op, xs, asIs);

/** Operands of equal rank, or scalars: lower ranks get leading axes of size 1, which equations stretch. @throws ShapeError */
export function promoteRanks(op: string, ...xs: readonly Array[]): Array[] {
  const ranks = new Set(xs.map((x) => x.ndim));
  if (ranks.size === 1) return [...xs];
  const { length: rank } = broadcastShapes(op, ...xs.map((x) => x.shape));
  ranks.delete(0);
  return ranks.size < 2 ? [...xs] : xs.map((x) => withRank(x, rank));
}

function withRank(x: Array, rank: number): Array {
  const added = rank - x.ndim;
  const shape = [...globalThis.Array<number>(added).fill(1), ...x.shape];
  return broadcastInDim(x, { shape, broadcastDimensions: x.shape.map((_, axis) => axis + added) });
}

/** Operands of one shape, repeated where they must be. @throws ShapeError */
export function broadcastArgs(op: string, ...xs: readonly ArrayLike[]): Array[] {
  const operands = xs.map((x) => asArray(op, x));
  const shape = broadcastShapes(op, ...operands.map((x) => x.shape));
  return operands.map((x) =>
    broadcastInDim(x, { shape, broadcastDimensions: x.shape.map((_, axis) => axis + shape.length - x.ndim) }),
  );
}

/** Operands of one dtype and rank. @throws DTypeError, ShapeError */
export const promoteArgs = (op: string, ...xs: readonly ArrayLike[]): Array[] =>
  promoteRanks(op, ...promoteTypesOf(op, ...xs));
/** As `promoteTypesOf`; ints and bools become float32. @throws DTypeError */
export const promoteTypesInexact = (op: string, ...xs: readonly ArrayLike[]): Array[] =>
  promoteDTypes(op, xs, inexactDType);
/** As `promoteArgs`; ints and bools become float32. */
export const promoteArgsInexact = (op: string, ...xs: readonly ArrayLike[]): Array[] =>
  promoteRanks(op, ...promoteDTypes(op, xs, inexactDType));
/** As `promoteArgs`; bools become int32. */
export const promoteArgsNumeric = (op: string, ...xs: readonly ArrayLike[]): Array[] =>
  promoteRanks(op, ...promoteDTypes(op, xs, numericDType));
