/** ragged_dot_general: products of rows with the matrix of the group that they are in. */
import { type DType, isFloat } from "../base/dtypes.ts";
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { dotResultType } from "./dot-general.ts";
import { inFloat32, newFactors } from "./factors.ts";
import { batched, shiftedByOne } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type DerivedRules, definePrimitive, type LoweringContext } from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { type RaggedDimensionNumbers, raggedShape } from "./ragged-shape.ts";

export type RaggedDotParams = RaggedDimensionNumbers & {
  /** Type of the result; null: that of the operands. */
  readonly preferredElementType: DType | null;
};

/** Positions along some axes, as row-major offsets. */
function offsetsAlong(shape: Shape, axes: readonly number[]): number[] {
  const strides = stridesOf(shape);
  const offsets: number[] = [];
  forEachIndex(
    axes.map((axis) => shape[axis]),
    (index) => offsets.push(index.reduce((sum, c, i) => sum + c * strides[axes[i]], 0)),
  );
  return offsets;
}

/** Rows `[start, end)` of each group, within `count`. */
function groupBounds(sizes: HostTensor, batch: number, count: number): (readonly [number, number])[] {
  const groups = sizes.shape[sizes.shape.length - 1];
  const first = sizes.shape.length === 1 ? 0 : batch * groups;
  let start = 0;
  return Array.from({ length: groups }, (_, g) => {
    const end = Math.min(count, start + Math.max(0, sizes.values[first + g]));
    const bounds = [start, end] as const;
    start = end;
    return bounds;
  });
}

function multiply(inputs: readonly HostTensor[], params: RaggedDotParams): HostTensor {
  const avals = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
  const { ragged, lhsFree, rhsFree, shape } = raggedShape(avals, params);
  const [lhs, rhs, sizes] = inputs;
  const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
  const dtype = dotResultType(avals[0], avals[1], params.preferredElementType);
  const values = allocateValues(dtype, sizeOf(shape));
  const [rows, columns] = [offsetsAlong(lhs.shape, lhsFree), offsetsAlong(rhs.shape, rhsFree)];
  const [left, right] = [offsetsAlong(lhs.shape, lc), offsetsAlong(rhs.shape, rc)];
  const [leftBatch, rightBatch] = [offsetsAlong(lhs.shape, lb), offsetsAlong(rhs.shape, rb)];
  const byRow = ragged === "rows";
  const groups = byRow ? offsetsAlong(rhs.shape, params.rhsGroupDimensions) : [];
  const count = byRow ? rows.length : left.length;
  const sumOf = (from: number, to: number, l: number, r: number): number => {
    let sum = 0;
    for (let d = from; d < to; d++)
      sum = isFloat(dtype)
        ? sum + lhs.values[l + left[d]] * rhs.values[r + right[d]]
        : (sum + Math.imul(lhs.values[l + left[d]], rhs.values[r + right[d]])) | 0;
    return sum;
  };
  const matrix = rows.length * columns.length;
  leftBatch.forEach((l, b) => {
    groupBounds(sizes, b, count).forEach(([start, end], g) => {
      const first = matrix * (byRow ? b : g * leftBatch.length + b);
      const [from, to] = byRow ? [start, end] : [0, rows.length];
      for (let i = from; i < to; i++)
        columns.forEach((column, j) => {
          const r = rightBatch[b] + column + (byRow ? groups[g] : 0);
          const depth = byRow ? [0, left.length] : [start, end];
          values[first + i * columns.length + j] = sumOf(depth[0], depth[1], l + rows[i], r);
        });
    });
  });
  return hostTensor(shape, dtype, values);
}

function shardingRule({ inputs, params }: LoweringContext<RaggedDotParams>) {
  const [lhs, rhs, sizes] = inputs;
  const { ragged, groups, lhsFree, rhsFree } = raggedShape(inputs, params);
  const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
  const f = newFactors();
  const batch = lb.map((axis) => f.parallel(lhs.shape[axis]));
  // Where a group begins depends on all sizes before it.
  const group = f.replicated(groups);
  const rows = lhsFree.map((axis) => (ragged === "rows" ? f.replicated : f.parallel)(lhs.shape[axis]));
  const columns = rhsFree.map((axis) => f.parallel(rhs.shape[axis]));
  const depth = lc.map((axis) =>
    ragged === "rows" ? f.reduction(lhs.shape[axis], "add") : f.replicated(lhs.shape[axis]),
  );
  const left = lhs.shape.map((_, a) => batch[lb.indexOf(a)] ?? depth[lc.indexOf(a)] ?? rows[lhsFree.indexOf(a)]);
  const right = rhs.shape.map(
    (_, a) => batch[rb.indexOf(a)] ?? depth[rc.indexOf(a)] ?? columns[rhsFree.indexOf(a)] ?? group,
  );
  const lengths = sizes.shape.length === 1 ? [group] : [...batch, group];
  const result = [...batch, ...rows, ...columns];
  return f.rule([left, right, lengths], [ragged === "rows" ? result : [group, ...result]]);
}

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

const raggedDotRules: DerivedRules<RaggedDotParams> = {
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

/**
 * Operands: lhs, rhs, group sizes (int32 `[groups]`, or with the batch axes before). Consecutive runs of lhs's ragged axis, of
 * those sizes, are the groups: each is multiplied with its own matrix of rhs, or, if the ragged axis is contracted, with its own
 * run of rhs. What lies beyond the last group gives 0. Floats accumulate in f32 and round once.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ragged_dot_general.html
 */
export const raggedDotGeneral = definePrimitive<RaggedDotParams>("ragged_dot_general", {
  ...raggedDotRules,
  abstractEval: (inputs, params) => {
    const { shape } = raggedShape(inputs, params);
    const [lhs, rhs] = inputs;
    return [shapedArray(shape, dotResultType(lhs, rhs, params.preferredElementType), lhs.weakType && rhs.weakType)];
  },
  reference: (inputs, params) => [multiply(inputs, params)],
  lowering: {
    kind: "raggedContraction",
    plan: ({ inputs, params }) => {
      const { ragged, groups, lhsFree, rhsFree } = raggedShape(inputs, params);
      const [[lc, rc], [lb, rb]] = params.dotDimensionNumbers;
      return {
        ragged,
        groups,
        lhs: { batch: lb, free: lhsFree, contracting: lc },
        rhs: { batch: [...rb, ...params.rhsGroupDimensions], free: rhsFree, contracting: rc },
      };
    },
  },
  sharding: shardingRule,
  cost: ({ inputs, params }) => {
    const { lhsFree, rhsFree, batch } = raggedShape(inputs, params);
    const [lhs, rhs] = inputs;
    const axes = [...lhsFree, ...params.dotDimensionNumbers[0][0]].map((axis) => lhs.shape[axis]);
    return { flops: 2 * sizeOf([...batch, ...axes, ...rhsFree.map((axis) => rhs.shape[axis])]), transcendentals: 0 };
  },
  partialParams: inFloat32,
  printParams: ({ dotDimensionNumbers, lhsRaggedDimensions, rhsGroupDimensions, preferredElementType }) => ({
    group_offset: "None",
    precision: "None",
    preferred_element_type: preferredElementType ?? "None",
    ragged_dot_dimension_numbers: `RaggedDotDimensionNumbers(dot_dimension_numbers=${tuple(dotDimensionNumbers)}, lhs_ragged_dimensions=${tuple(lhsRaggedDimensions)}, rhs_group_dimensions=${tuple(rhsGroupDimensions)})`,
  }),
});
