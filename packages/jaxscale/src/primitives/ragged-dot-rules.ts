/** How grouped products are differentiated and batched: as other grouped products, as in JAX. */
import type { ShapedArray } from "../jaxpr/ir.ts";
import { batched, shiftedByOne } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";
import type { RaggedDotParams } from "./ragged-dot.ts";
import { raggedShape } from "./ragged-shape.ts";

type Rules = Pick<PrimitiveRules<RaggedDotParams>, "jvp" | "transpose" | "batch">;

const name = "ragged_dot_general";
const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);

/** The product, its axes moved to where `axes` (of an operand, in the product's order) are. */
function productTo(
  ops: OpBuilder,
  operands: readonly Operand[],
  params: RaggedDotParams,
  axes: readonly number[],
): Operand {
  const product = ops.bind1(name, operands, params);
  return ops.transpose(
    product,
    range(0, axes.length).map((axis) => axes.indexOf(axis)),
  );
}

export const raggedDotRules: Rules = {
  jvp: ({ bind1, addAny }, [x, y, sizes], [dx, dy], { params }) => [
    addAny(dx && bind1(name, [dx, y, sizes], params), dy && bind1(name, [x, dy, sizes], params)),
  ],
  transpose: (ops, [ct], [x, y, sizes], { params, inputs }) => {
    if (!ct || !sizes) return [null, null, null];
    const { ragged } = raggedShape(inputs, params);
    const of =
      ragged === "rows"
        ? rowsCotangents(ops, ct, sizes, params, inputs)
        : depthCotangents(ops, ct, sizes, params, inputs);
    return [x === null && y ? of.lhs(y) : null, y === null && x ? of.rhs(x) : null, null];
  },
  batch: (ops, [x, y, sizes], [xDim, yDim, sizesDim], { params, inputs, axis: { size } }) => {
    const { ragged, batch, groups } = raggedShape(inputs, params);
    const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
    const shared = sizesDim === null && inputs[2].shape.length === 1;
    const front = shared ? sizes : ops.batchToFront(sizes, sizesDim, size);
    const whole = [size, ...batch, groups];
    const lengths = shared
      ? sizes
      : ops.broadcastInDim(
          front,
          whole,
          front.aval.shape.length === whole.length ? range(0, whole.length) : [0, whole.length - 1],
        );
    const result = ops.bind1(name, [ops.batchToFront(x, xDim, size), ops.batchToFront(y, yDim, size), lengths], {
      ...params,
      dotDimensionNumbers: [
        [shiftedByOne(lc), shiftedByOne(rc)],
        [
          [0, ...shiftedByOne(lb)],
          [0, ...shiftedByOne(rb)],
        ],
      ],
      lhsRaggedDimensions: shiftedByOne(params.lhsRaggedDimensions),
      rhsGroupDimensions: shiftedByOne(params.rhsGroupDimensions),
    });
    return batched(result, ragged === "rows" ? 0 : 1);
  },
};

interface Cotangents {
  readonly lhs: (rhs: Operand) => Operand;
  readonly rhs: (lhs: Operand) => Operand;
}

/** Of out[b, i, j] = Σ_d lhs[b, i, d] · rhs[b, group of i, d, j]. */
function rowsCotangents(
  ops: OpBuilder,
  ct: Operand,
  sizes: Operand,
  params: RaggedDotParams,
  inputs: readonly ShapedArray[],
): Cotangents {
  const { lhsFree, rhsFree, batch } = raggedShape(inputs, params);
  const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
  const [batches, row] = [range(0, batch.length), batch.length];
  const columns = range(row + 1, rhsFree.length);
  // Contracted axes come out in the order in which the other operand has them.
  const sorted = [...rc.keys()].sort((i, j) => rc[i] - rc[j]);
  const sortedLeft = [...lc.keys()].sort((i, j) => lc[i] - lc[j]);
  return {
    lhs: (rhs) =>
      productTo(
        ops,
        [ct, rhs, sizes],
        {
          ...params,
          dotDimensionNumbers: [
            [columns, rhsFree],
            [batches, rb],
          ],
          lhsRaggedDimensions: [row],
        },
        [...lb, ...lhsFree, ...sorted.map((i) => lc[i])],
      ),
    rhs: (lhs) =>
      productTo(
        ops,
        [lhs, ct, sizes],
        {
          ...params,
          dotDimensionNumbers: [
            [lhsFree, [row]],
            [lb, batches],
          ],
          lhsRaggedDimensions: lhsFree,
          rhsGroupDimensions: [],
        },
        [...params.rhsGroupDimensions, ...rb, ...sortedLeft.map((i) => rc[i]), ...rhsFree],
      ),
  };
}

/** Of out[g, b, i, j] = Σ_(d in g) lhs[b, d, i] · rhs[b, d, j]. */
function depthCotangents(
  ops: OpBuilder,
  ct: Operand,
  sizes: Operand,
  params: RaggedDotParams,
  inputs: readonly ShapedArray[],
): Cotangents {
  const { lhsFree, rhsFree, batch } = raggedShape(inputs, params);
  const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
  const batches = range(1, batch.length);
  const rows = range(1 + batch.length, lhsFree.length);
  const columns = range(1 + batch.length + lhsFree.length, rhsFree.length);
  return {
    lhs: (rhs) =>
      productTo(
        ops,
        [rhs, ct, sizes],
        {
          ...params,
          dotDimensionNumbers: [
            [rhsFree, columns],
            [rb, batches],
          ],
          lhsRaggedDimensions: rc,
          rhsGroupDimensions: [0],
        },
        [...lb, ...lc, ...lhsFree],
      ),
    rhs: (lhs) =>
      productTo(
        ops,
        [lhs, ct, sizes],
        {
          ...params,
          dotDimensionNumbers: [
            [lhsFree, rows],
            [lb, batches],
          ],
          lhsRaggedDimensions: lc,
          rhsGroupDimensions: [0],
        },
        [...rb, ...rc, ...rhsFree],
      ),
  };
}
