/** Products of arrays summed over shared axes. */

import { describe } from "../../base/describe.ts";
import { type DType, isBool, promoteTypes } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { axesOf, canonicalAxis } from "../../base/shapes.ts";
import { formatAval, type ShapedArray } from "../../jaxpr/ir.ts";
import { mul } from "../../primitives/arithmetic.ts";
import { and } from "../../primitives/bitwise.ts";
import { type DotDimensionNumbers, dotGeneral } from "../../primitives/dot-general.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { listOf, optionsOf } from "../arguments.ts";
import { innerJit } from "../inner-jit.ts";
import { convert, dropAxes, insertAxes, permute, range, reshapeTo } from "./equations.ts";
import { promoteTypesOf } from "./promotion.ts";
import { ravel } from "./shape.ts";

/** Options of products: `dot`, `matmul`, `einsum` and the like. */
export interface ContractionOptions {
  /** Dtype of the result and of the accumulation: float32 for bfloat16 operands leaves the sum unrounded. */
  readonly preferredElementType?: DType;
}

const noneElse = { preferredElementType: undefined };

const both = (x: Array, y: Array): string => `${formatAval(x.aval)} and ${formatAval(y.aval)}`;

/** Sizes that are multiplied and summed must agree; the message names the function called, and both operands. */
function checkContracting(op: string, x: Array, y: Array, pairs: readonly (readonly [number, number])[]): void {
  for (const [a, b] of pairs)
    if (x.shape[a] !== y.shape[b])
      throw new ShapeError(
        `${op}: contracting sizes differ; got ${formatAval(x.aval)} axis ${a} = ${x.shape[a]}, ${formatAval(y.aval)} axis ${b} = ${y.shape[b]}`,
      );
}

/** dot_general in the operands' common dtype, or the preferred one; weakly typed if all operands are. */
export function contract(
  op: string,
  x: Array,
  y: Array,
  numbers: DotDimensionNumbers,
  preferred: DType | undefined,
  types: readonly ShapedArray[] = [x.aval, y.aval],
): Array {
  const { dtype, weakType } = preferred === undefined ? promoteTypes(op, types) : { dtype: preferred, weakType: false };
  const product = bind1(dotGeneral, [x, y], { dimensionNumbers: numbers, preferredElementType: dtype });
  return convert(product, dtype, weakType);
}

/** Products of elements of one dtype; of bools: and. */
const times = (x: Array, y: Array): Array => bind1(isBool(x.dtype) ? and : mul, [x, y], {});

/**
 * The last axis of x times the last but one of y (its only one, if it is a vector). Every pair of rows is combined: `[a, k] · [b, k, c]` is `[a, b, c]`.
 * @throws ShapeError if the two sizes differ
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.dot.html
 */
export function dot(x: ArrayLike, y: ArrayLike, options?: ContractionOptions): Array {
  const { preferredElementType } = optionsOf("dot", options, { preferredElementType: undefined });
  const [lhs, rhs] = [asArray("dot", x), asArray("dot", y)];
  const scalar = lhs.ndim === 0 || rhs.ndim === 0;
  const axes: readonly [number, number] = [lhs.ndim - 1, Math.max(rhs.ndim - 2, 0)];
  if (!scalar) checkContracting("dot", lhs, rhs, [axes]);
  const contracting = scalar ? ([[], []] as const) : ([[axes[0]], [axes[1]]] as const);
  return contract("dot", lhs, rhs, [contracting, [[], []]], preferredElementType);
}

/**
 * Matrix product of the last two axes; leading axes are paired and broadcast. A vector is a row on the left, a column on the right.
 * @throws ShapeError for scalars, or sizes that do not fit
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.matmul.html
 */
export function matmul(x: ArrayLike, y: ArrayLike, options?: ContractionOptions): Array {
  const { preferredElementType } = optionsOf("matmul", options, { preferredElementType: undefined });
  const [lhs, rhs] = [asArray("matmul", x), asArray("matmul", y)];
  if (lhs.ndim === 0 || rhs.ndim === 0)
    throw new ShapeError(`matmul: operands must have at least 1 axis; got ${both(lhs, rhs)}`);
  const row = lhs.ndim > 1;
  const column = rhs.ndim > 1;
  checkContracting("matmul", lhs, rhs, [[lhs.ndim - 1, column ? rhs.ndim - 2 : 0]]);
  const lhsLead = lhs.shape.slice(0, row ? -2 : -1);
  const rhsLead = column ? rhs.shape.slice(0, -2) : [];
  const count = Math.max(lhsLead.length, rhsLead.length);
  // Per leading axis of the result, which operands have it: both (batch), one, or none but as size 1.
  const places = range(count).map((axis) => {
    const [l, r] = [axis - count + lhsLead.length, axis - count + rhsLead.length];
    const [n, m] = [lhsLead[l] ?? 1, rhsLead[r] ?? 1];
    if (n !== m && n !== 1 && m !== 1)
      throw new ShapeError(`matmul: leading sizes must agree or be 1; got ${both(lhs, rhs)}`);
    return { l, r, inLhs: n !== 1, inRhs: m !== 1 };
  });
  const reduced = (operand: Array, side: "l" | "r", has: "inLhs" | "inRhs"): Array =>
    dropAxes(
      operand,
      places.filter((place) => place[side] >= 0 && !place[has]).map((place) => place[side]),
    );
  const [left, right] = [reduced(lhs, "l", "inLhs"), reduced(rhs, "r", "inRhs")];
  const ones = places.flatMap(({ inLhs, inRhs }, axis) => (inLhs || inRhs ? [] : [axis]));
  // Leading axes of each operand after dropping, as axes of the result.
  const leftAxes = places.flatMap(({ inLhs }, axis) => (inLhs ? [axis] : []));
  const rightAxes = places.flatMap(({ inRhs }, axis) => (inRhs ? [axis] : []));
  const shared = leftAxes.filter((axis) => rightAxes.includes(axis));
  const batch = [shared.map((axis) => leftAxes.indexOf(axis)), shared.map((axis) => rightAxes.indexOf(axis))] as const;
  const product = contract(
    "matmul",
    left,
    right,
    [[[left.ndim - 1], [column ? right.ndim - 2 : 0]], batch],
    preferredElementType,
  );
  // dot_general gives: shared, the left's own, its rows, the right's own, its columns.
  const own = (axes: readonly number[]): number[] => axes.filter((axis) => !shared.includes(axis));
  const order = [
    ...shared,
    ...own(leftAxes),
    ...(row ? [count] : []),
    ...own(rightAxes),
    ...(column ? [count + 1] : []),
  ];
  const permutation = range(order.length).sort((a, b) => order[a] - order[b]);
  return insertAxes("matmul", permute(product, permutation), ones);
}

/** Sum of products of all elements, in row-major order. @throws ShapeError if the sizes differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.vdot.html */
export const vdot = (x: ArrayLike, y: ArrayLike, options?: ContractionOptions): Array => {
  const preferred = optionsOf("vdot", options, noneElse);
  const [lhs, rhs] = [asArray("vdot", x), asArray("vdot", y)];
  if (lhs.size !== rhs.size) throw new ShapeError(`vdot: operands must have as many elements; got ${both(lhs, rhs)}`);
  return dot(ravel(lhs), ravel(rhs), preferred);
};

/** Sums of products over the last axis of both: `[a, k] · [b, k]` is `[a, b]`; with a scalar, the product. @throws ShapeError if the sizes differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.inner.html */
export function inner(x: ArrayLike, y: ArrayLike, options?: ContractionOptions): Array {
  const preferred = optionsOf("inner", options, noneElse);
  const [lhs, rhs] = [asArray("inner", x), asArray("inner", y)];
  if (lhs.ndim === 0 || rhs.ndim === 0) {
    const [a, b] = promoteTypesOf("inner", lhs, rhs);
    return times(a, b);
  }
  return tensordot(lhs, rhs, { axes: [[-1], [-1]], ...preferred });
}

/** Every element of x times every element of y, both flattened: `[m, n]`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.outer.html */
export function outer(x: ArrayLike, y: ArrayLike): Array {
  const [lhs, rhs] = promoteTypesOf("outer", x, y);
  return times(insertAxes("outer", ravel(lhs), [1]), insertAxes("outer", ravel(rhs), [0]));
}

/** Options of `tensordot`. */
export interface TensordotOptions extends ContractionOptions {
  /** How many last axes of x and first of y, or the axes of each in pairs; 2 by default. */
  readonly axes?: number | readonly [number | readonly number[], number | readonly number[]];
}

/**
 * Sums of products over pairs of axes; the result has the other axes of x, then those of y.
 * @throws ShapeError unless the axes pair up and their sizes agree
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tensordot.html
 */
export function tensordot(x: ArrayLike, y: ArrayLike, options?: TensordotOptions): Array {
  const { axes, preferredElementType } = optionsOf("tensordot", options, { axes: 2, preferredElementType: undefined });
  const [lhs, rhs] = [asArray("tensordot", x), asArray("tensordot", y)];
  if (typeof axes === "number" && (!Number.isInteger(axes) || axes < 0 || axes > Math.min(lhs.ndim, rhs.ndim)))
    throw new ShapeError(`tensordot: axes must be at most the ranks; got ${axes} for ${both(lhs, rhs)}`);
  const [left, right] =
    typeof axes === "number"
      ? [range(axes, lhs.ndim - axes), range(axes)]
      : listOf("tensordot", "axes", axes).map((list, i) => axesOf("tensordot", list, (i === 0 ? lhs : rhs).ndim));
  if (left === undefined || right === undefined || left.length !== right.length)
    throw new ShapeError(`tensordot: there must be as many axes of each operand; got ${describe(axes)}`);
  checkContracting(
    "tensordot",
    lhs,
    rhs,
    left.map((axis, i) => [axis, right[i]] as const),
  );
  return contract(
    "tensordot",
    lhs,
    rhs,
    [
      [left, right],
      [[], []],
    ],
    preferredElementType,
  );
}

const kronecker = innerJit("kron", (x: Array, y: Array) => {
  const rank = Math.max(x.ndim, y.ndim);
  const [a, b] = [x, y].map((operand) => insertAxes("kron", operand, range(rank - operand.ndim)));
  const wideA = insertAxes(
    "kron",
    a,
    range(rank).map((axis) => 2 * axis + 1),
  );
  const wideB = insertAxes(
    "kron",
    b,
    range(rank).map((axis) => 2 * axis),
  );
  return reshapeTo(
    bind1(mul, [wideA, wideB], {}),
    a.shape.map((n, axis) => n * b.shape[axis]),
  );
});

/** Blocks of y scaled by each element of x. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.kron.html */
export function kron(x: ArrayLike, y: ArrayLike): Array {
  const [a, b] = promoteTypesOf("kron", x, y);
  return kronecker(a, b);
}

/** Sums of products along an axis of both, the others broadcast. @throws ShapeError if the sizes differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.vecdot.html */
export function vecdot(x: ArrayLike, y: ArrayLike, options?: ContractionOptions & { readonly axis?: number }): Array {
  const { axis, ...preferred } = optionsOf("vecdot", options, { axis: -1, ...noneElse });
  const last = (op: ArrayLike): Array => {
    const operand = asArray("vecdot", op);
    const along = canonicalAxis("vecdot", axis, operand.ndim);
    return permute(operand, [...range(operand.ndim).filter((a) => a !== along), along]);
  };
  const [lhs, rhs] = [last(x), last(y)];
  if (rhs.ndim === 1) return matmul(lhs, rhs, preferred);
  if (lhs.ndim === 1) return matmul(rhs, lhs, preferred);
  const product = matmul(insertAxes("vecdot", lhs, [lhs.ndim - 1]), insertAxes("vecdot", rhs, [rhs.ndim]), preferred);
  return dropAxes(product, [product.ndim - 2, product.ndim - 1]);
}

/** Matrices times vectors: `[…, m, n] · […, n]` is `[…, m]`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.matvec.html */
export function matvec(x: ArrayLike, y: ArrayLike, options?: ContractionOptions): Array {
  const preferred = optionsOf("matvec", options, noneElse);
  const [lhs, rhs] = [asArray("matvec", x), asArray("matvec", y)];
  if (rhs.ndim < 2) return matmul(lhs, rhs, preferred);
  const product = matmul(lhs, insertAxes("matvec", rhs, [rhs.ndim]), preferred);
  return dropAxes(product, [product.ndim - 1]);
}
