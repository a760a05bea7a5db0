/** dot_general: sums of products over contracted axes, with batch axes. */

import { bitsOf, type DType, formatOf, isBool, isFloat, kindOf } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { dotRules } from "./dot-rules.ts";
import { inFloat32, newFactors } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";
import { list } from "./python-text.ts";

type Axes = readonly number[];

/** `[[lhs contracting, rhs contracting], [lhs batch, rhs batch]]`, as in JAX. */
export type DotDimensionNumbers = readonly [readonly [Axes, Axes], readonly [Axes, Axes]];

export type DotGeneralParams = {
  readonly dimensionNumbers: DotDimensionNumbers;
  /** Type of the result; null: that of the operands. */
  readonly preferredElementType: DType | null;
};

const freeAxes = (shape: Shape, contracting: Axes, batch: Axes): number[] =>
  shape.map((_, axis) => axis).filter((axis) => !contracting.includes(axis) && !batch.includes(axis));

function checkOperand(side: string, x: ShapedArray, contracting: Axes, batch: Axes): void {
  const axes = [...contracting, ...batch];
  const rank = x.shape.length;
  if (axes.some((a) => !Number.isInteger(a) || a < 0 || a >= rank) || new Set(axes).size !== axes.length)
    throw new ShapeError(
      `dot_general: contracting and batch axes must be distinct axes in [0, ${rank}); got contracting ${list(contracting)}, batch ${list(batch)} for ${side} ${formatAval(x)}`,
    );
}

function checkPairs(kind: string, lhs: ShapedArray, rhs: ShapedArray, left: Axes, right: Axes): void {
  if (left.length !== right.length)
    throw new ShapeError(
      `dot_general: lhs and rhs must have as many ${kind} axes; got ${list(left)} and ${list(right)} for ${formatAval(lhs)}, ${formatAval(rhs)}`,
    );
  left.forEach((l, i) => {
    const r = right[i];
    if (lhs.shape[l] !== rhs.shape[r])
      throw new ShapeError(
        `dot_general: ${kind} sizes differ; lhs ${formatAval(lhs)} axis ${l} = ${lhs.shape[l]}, rhs ${formatAval(rhs)} axis ${r} = ${rhs.shape[r]}`,
      );
  });
}

// JAX's order of precision for operands of two types: floats over integers, then width, then signed over unsigned, wide exponents over narrow.
const precisionOf = (dtype: DType): number =>
  (isFloat(dtype) ? 1000 + formatOf(dtype).exponentBits / 8 : isBool(dtype) ? -1000 : 0) +
  bitsOf(dtype) * 2 +
  (kindOf(dtype) === "signed" ? 1 : 0);

/** @throws DTypeError unless the preferred type holds what the operands' type does */
export function dotResultType(lhs: ShapedArray, rhs: ShapedArray, preferred: DType | null): DType {
  const natural = precisionOf(lhs.dtype) >= precisionOf(rhs.dtype) ? lhs.dtype : rhs.dtype;
  if (preferred === null || preferred === natural) return natural;
  const narrows = !isFloat(natural) && bitsOf(preferred) < bitsOf(natural);
  if (narrows || isBool(preferred) || (isFloat(natural) && !isFloat(preferred)))
    throw new DTypeError(
      `dot_general: preferred_element_type must hold what the operands' type ${natural} holds; got ${preferred} for ${formatAval(lhs)}, ${formatAval(rhs)}`,
    );
  return preferred;
}

/** Row-major offsets into a tensor of all positions along some of its axes. */
function offsetsAlong(shape: Shape, axes: Axes): number[] {
  const strides = stridesOf(shape);
  const offsets: number[] = [];
  forEachIndex(
    axes.map((axis) => shape[axis]),
    (index) => offsets.push(index.reduce((sum, c, i) => sum + c * strides[axes[i]], 0)),
  );
  return offsets;
}

function contractNaively(
  lhs: HostTensor,
  rhs: HostTensor,
  shape: Shape,
  dtype: DType,
  numbers: DotDimensionNumbers,
): HostTensor {
  const [[lc, rc], [lb, rb]] = numbers;
  const [left, right] = [lhs.values, rhs.values];
  const [leftSteps, rightSteps] = [offsetsAlong(lhs.shape, lc), offsetsAlong(rhs.shape, rc)];
  const [leftBatch, rightBatch] = [offsetsAlong(lhs.shape, lb), offsetsAlong(rhs.shape, rb)];
  const rows = offsetsAlong(lhs.shape, freeAxes(lhs.shape, lc, lb));
  const columns = offsetsAlong(rhs.shape, freeAxes(rhs.shape, rc, rb));
  // Integers wrap at 32 bits; a bool result is whether any product is not zero.
  const accumulate: (sum: number, a: number, b: number) => number = isFloat(dtype)
    ? (sum, a, b) => sum + a * b
    : isBool(dtype)
      ? (sum, a, b) => sum | (a & b)
      : (sum, a, b) => (sum + Math.imul(a, b)) | 0;
  const values = allocateValues(dtype, sizeOf(shape));
  let at = 0;
  leftBatch.forEach((batch, n) => {
    for (const row of rows) {
      for (const column of columns) {
        const [l, r] = [batch + row, rightBatch[n] + column];
        let sum = 0;
        for (let i = 0; i < leftSteps.length; i++)
          sum = accumulate(sum, left[l + leftSteps[i]], right[r + rightSteps[i]]);
        values[at++] = sum;
      }
    }
  });
  return hostTensor(shape, dtype, values);
}

function resultAval(lhs: ShapedArray, rhs: ShapedArray, params: DotGeneralParams): ShapedArray {
  const [[lc, rc], [lb, rb]] = params.dimensionNumbers;
  checkOperand("lhs", lhs, lc, lb);
  checkOperand("rhs", rhs, rc, rb);
  checkPairs("batch", lhs, rhs, lb, rb);
  checkPairs("contracting", lhs, rhs, lc, rc);
  const shape = [
    ...lb.map((axis) => lhs.shape[axis]),
    ...freeAxes(lhs.shape, lc, lb).map((axis) => lhs.shape[axis]),
    ...freeAxes(rhs.shape, rc, rb).map((axis) => rhs.shape[axis]),
  ];
  return shapedArray(shape, dotResultType(lhs, rhs, params.preferredElementType), lhs.weakType && rhs.weakType);
}

/**
 * Contracts lhs and rhs; the result's axes are batch, free of lhs, free of rhs. Floats accumulate in f32 and round
 * once, integers in 32 bits and wrap; operands of two types are converted to the accumulator's.
 */
export const dotGeneral = definePrimitive<DotGeneralParams>("dot_general", {
  ...dotRules,
  abstractEval: ([lhs, rhs], params) => [resultAval(lhs, rhs, params)],
  reference: ([lhs, rhs], params) => {
    const { shape, dtype } = resultAval(shapedArray(lhs.shape, lhs.dtype), shapedArray(rhs.shape, rhs.dtype), params);
    return [contractNaively(lhs, rhs, shape, dtype, params.dimensionNumbers)];
  },
  lowering: {
    kind: "contraction",
    axes: ({ params }) => {
      const [[lhsContracting, rhsContracting], [lhsBatch, rhsBatch]] = params.dimensionNumbers;
      return { lhsContracting, rhsContracting, lhsBatch, rhsBatch };
    },
  },
  sharding: ({ inputs: [lhs, rhs], outputs: [out], params }) => {
    const [[lc, rc], [lb, rb]] = params.dimensionNumbers;
    const f = newFactors();
    const batch = lb.map((axis) => f.parallel(lhs.shape[axis]));
    const rows = freeAxes(lhs.shape, lc, lb);
    const columns = freeAxes(rhs.shape, rc, rb);
    const m = rows.map((axis) => f.parallel(lhs.shape[axis]));
    const n = columns.map((axis) => f.parallel(rhs.shape[axis]));
    const contracted = lc.map((axis) => f.reduction(lhs.shape[axis], isBool(out.dtype) ? "or" : "add"));
    const left = lhs.shape.map(
      (_, axis) => batch[lb.indexOf(axis)] ?? contracted[lc.indexOf(axis)] ?? m[rows.indexOf(axis)],
    );
    const right = rhs.shape.map(
      (_, axis) => batch[rb.indexOf(axis)] ?? contracted[rc.indexOf(axis)] ?? n[columns.indexOf(axis)],
    );
    return f.rule([left, right], [[...batch, ...m, ...n]]);
  },
  partialParams: inFloat32,
  permuted: ({ inputs: [lhs, rhs], params }, permutation) => {
    const [[lc, rc], [lb, rb]] = params.dimensionNumbers;
    const rows = freeAxes(lhs.shape, lc, lb).length;
    const columns = freeAxes(rhs.shape, rc, rb).length;
    // Axes of the product of the operands exchanged.
    const exchanged = (i: number): number => (i < lb.length ? i : i < lb.length + columns ? i + rows : i - columns);
    return permutation.every((axis, i) => axis === exchanged(i))
      ? {
          operands: [1, 0],
          params: {
            ...params,
            dimensionNumbers: [
              [rc, lc],
              [rb, lb],
            ],
          },
        }
      : undefined;
  },
  summed: ({ outputs: [out], params }, axes) => {
    const [[lc, rc], [lb, rb]] = params.dimensionNumbers;
    // A narrow product is rounded before it is summed.
    if (bitsOf(out.dtype) !== 32 || axes.some((axis) => axis >= lb.length)) return undefined;
    const kept = (list: Axes): Axes => list.filter((_, i) => !axes.includes(i));
    const gone = (list: Axes): Axes => list.filter((_, i) => axes.includes(i));
    return {
      operands: [0, 1],
      params: {
        ...params,
        dimensionNumbers: [
          [
            [...gone(lb), ...lc],
            [...gone(rb), ...rc],
          ],
          [kept(lb), kept(rb)],
        ],
      },
    };
  },
  cost: ({ inputs: [lhs], outputs: [out], params }) => ({
    flops: 2 * sizeOf(out.shape) * sizeOf(params.dimensionNumbers[0][0].map((axis) => lhs.shape[axis])),
    transcendentals: 0,
  }),
  printParams: ({ dimensionNumbers: [[lc, rc], [lb, rb]], preferredElementType }): Record<string, string> => ({
    dimension_numbers: `((${list(lc)}, ${list(rc)}), (${list(lb)}, ${list(rb)}))`,
    ...(preferredElementType === null ? {} : { preferred_element_type: preferredElementType }),
  }),
});
