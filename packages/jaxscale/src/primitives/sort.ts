/** sort: several arrays put in order together along one axis. */
import { ShapeError } from "../base/errors.ts";
import { sameShape, sizeOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { forEachRow, takeAlong } from "./along-axis.ts";
import { checkAxis } from "./axes.ts";
import { formatAvals } from "./define-elementwise.ts";
import { newFactors } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";
import { bool } from "./python-text.ts";
import { compareNumbers, sortKey } from "./sort-order.ts";

export type SortParams = {
  readonly dimension: number;
  /** A promise only: every sort here is stable. */
  readonly isStable: boolean;
  /** Leading operands that are compared, the first the most significant. */
  readonly numKeys: number;
};

function checkOperands(inputs: readonly ShapedArray[], { dimension, numKeys }: SortParams): void {
  if (inputs.length === 0) throw new ShapeError("sort: there must be an operand; got none");
  const [first] = inputs;
  if (!inputs.every((x) => sameShape(x.shape, first.shape)))
    throw new ShapeError(`sort: operands must have equal shapes; got ${formatAvals(inputs)}`);
  checkAxis("sort", "dimension", dimension, first);
  if (!Number.isInteger(numKeys) || numKeys < 1 || numKeys > inputs.length)
    throw new ShapeError(`sort: num_keys must be in [1, ${inputs.length}], the number of operands; got ${numKeys}`);
}

/** Positions of a row's elements in order; at equal keys the first stays first. */
function orderOf(keys: readonly HostTensor[], length: number, placeOf: (i: number) => number): number[] {
  const order = Array.from({ length }, (_, i) => i);
  return order.sort((a, b) => {
    for (const { values } of keys) {
      const compared = compareNumbers(values[placeOf(a)], values[placeOf(b)]);
      if (compared !== 0) return compared;
    }
    return a - b;
  });
}

/** Ascending along `dimension`; NaN last, both zeros equal. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.sort.html */
export const sort = definePrimitive<SortParams>("sort", {
  abstractEval: (inputs, params) => {
    checkOperands(inputs, params);
    return inputs.map((x) => shapedArray(x.shape, x.dtype, x.weakType));
  },
  reference: (inputs, { dimension, numKeys }) => {
    const results = inputs.map((x) => hostTensor(x.shape, x.dtype));
    const [{ shape }] = inputs;
    forEachRow(shape, dimension, (placeOf) => {
      orderOf(inputs.slice(0, numKeys), shape[dimension], placeOf).forEach((from, to) => {
        results.forEach((out, i) => {
          out.values[placeOf(to)] = inputs[i].values[placeOf(from)];
        });
      });
    });
    return results;
  },
  lowering: {
    kind: "sort",
    axis: ({ params }) => params.dimension,
    keyCount: ({ params }) => params.numKeys,
    key: (k, element, operand, { inputs }) => sortKey(k, element, inputs[operand].dtype),
  },
  sharding: ({ inputs, params }) => {
    const f = newFactors();
    const dims = inputs[0].shape.map((size, axis) =>
      axis === params.dimension ? f.replicated(size) : f.parallel(size),
    );
    return f.rule(
      inputs.map(() => dims),
      inputs.map(() => dims),
    );
  },
  cost: ({ inputs: [x], params }) => ({
    flops: params.numKeys * sizeOf(x.shape) * Math.ceil(Math.log2(Math.max(2, x.shape[params.dimension]))),
    transcendentals: 0,
  }),
  exact: true,
  // The tangents in the order of the primals.
  differentiate: (ops, primals, tangents, { params }) => {
    const [{ aval }] = primals;
    const places = ops.iota("int32", aval.shape, params.dimension);
    const sorted = ops.bind("sort", [...primals, places], params);
    const order = sorted[primals.length];
    return {
      results: sorted.slice(0, -1),
      tangents: tangents.map((t) => t && takeAlong(ops, t, order, params.dimension)),
    };
  },
  batch: (ops, operands, dims, { axis, params }) => ({
    results: ops.bind(
      "sort",
      operands.map((x, i) => ops.batchToFront(x, dims[i], axis.size)),
      { ...params, dimension: params.dimension + 1 },
    ),
    dims: operands.map(() => 0),
  }),
  printParams: ({ dimension, isStable, numKeys }) => ({
    dimension: String(dimension),
    is_stable: bool(isStable),
    num_keys: String(numKeys),
  }),
});
