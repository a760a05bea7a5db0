/** How dot_general is differentiated and batched. */

import type { ShapedArray } from "../jaxpr/ir.ts";
import type { DotDimensionNumbers, DotGeneralParams } from "./dot-general.ts";
import { batched, shifted } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

type Rules = Pick<PrimitiveRules<DotGeneralParams>, "jvp" | "transpose" | "batch">;
type Axes = readonly number[];

const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);
const without = (rank: number, ...gone: Axes[]): number[] =>
  range(0, rank).filter((axis) => !gone.some((axes) => axes.includes(axis)));
/** Positions that would sort the list. */
const sorting = (list: Axes): number[] => range(0, list.length).sort((i, j) => list[i] - list[j]);

export const dotRules: Rules = {
  jvp: ({ bind1, addAny }, [x, y], [dx, dy], { params }) => [
    addAny(dx && bind1("dot_general", [dx, y], params), dy && bind1("dot_general", [x, dy], params)),
  ],
  transpose: (ops, [ct], [x, y], { inputs, params }) => {
    const { dimensionNumbers: numbers, preferredElementType } = params;
    const [[xContract, yContract], [xBatch, yBatch]] = numbers;
    const swapped: DotDimensionNumbers = [
      [yContract, xContract],
      [yBatch, xBatch],
    ];
    return [
      x === null && ct && y ? cotangentOfLeft(ops, ct, inputs[0], y, numbers, preferredElementType, false) : null,
      y === null && ct && x ? cotangentOfLeft(ops, ct, inputs[1], x, swapped, preferredElementType, true) : null,
    ];
  },
  batch: ({ bind1 }, [x, y], [xDim, yDim], { params, inputs }) => {
    const { numbers, dim } = batchedNumbers(
      [x.aval, y.aval],
      inputs[0].shape.length,
      [xDim, yDim],
      params.dimensionNumbers,
    );
    return batched(bind1("dot_general", [x, y], { ...params, dimensionNumbers: numbers }), dim);
  },
};

/** Cotangent of x in `x · y`. @param swapped whether the product was of y and x */
function cotangentOfLeft(
  { bind1, transpose, convert }: OpBuilder,
  ct: Operand,
  x: ShapedArray,
  y: Operand,
  [[xContract, yContract], [xBatch, yBatch]]: DotDimensionNumbers,
  preferredElementType: DotGeneralParams["preferredElementType"],
  swapped: boolean,
): Operand {
  const xKept = without(x.shape.length, xContract, xBatch);
  const yKept = without(y.aval.shape.length, yContract, yBatch);
  const resultBatch = range(0, xBatch.length);
  const resultY = range(xBatch.length + (swapped ? 0 : xKept.length), yKept.length);
  const dimensionNumbers: DotDimensionNumbers = [
    [resultY, yKept],
    [resultBatch, yBatch],
  ];
  const product = bind1("dot_general", [ct, y], { dimensionNumbers, preferredElementType });
  const contracted = sorting(yContract).map((i) => xContract[i]);
  return convert(transpose(product, sorting([...xBatch, ...xKept, ...contracted])), x.dtype, x.weakType);
}

/** Dimension numbers with the mapped axes, and where the result has its own. */
function batchedNumbers(
  [x, y]: readonly ShapedArray[],
  xRank: number,
  [xDim, yDim]: readonly (number | null)[],
  [[xContract, yContract], [xBatch, yBatch]]: DotDimensionNumbers,
): { readonly numbers: DotDimensionNumbers; readonly dim: number } {
  const [xc, xb] = xDim === null ? [xContract, xBatch] : [shifted(xContract, xDim), shifted(xBatch, xDim)];
  const [yc, yb] = yDim === null ? [yContract, yBatch] : [shifted(yContract, yDim), shifted(yBatch, yDim)];
  if (xDim !== null && yDim !== null)
    return {
      numbers: [
        [xc, yc],
        [
          [xDim, ...xb],
          [yDim, ...yb],
        ],
      ],
      dim: 0,
    };
  const numbers: DotDimensionNumbers = [
    [xc, yc],
    [xb, yb],
  ];
  // The axis becomes a free one of its operand.
  if (xDim !== null) return { numbers, dim: xb.length + without(x.shape.length, xc, xb).indexOf(xDim) };
  const xFree = xRank - xBatch.length - xContract.length;
  return { numbers, dim: xBatch.length + xFree + without(y.shape.length, yc, yb).indexOf(yDim as number) };
}
