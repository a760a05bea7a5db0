/** Scatters: an operand with updates written, added, … at places in an array of indices. */
import { type DType, isFloat, isNumber } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { forEachIndex, type Shape, sizeOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { type ClosedJaxpr, formatAval, newVar, shapedArray } from "../jaxpr/ir.ts";
import { maximum, minimum } from "../kernel/float.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import type { GatherParams } from "./gather.ts";
import { batched, shifted, shiftedByOne } from "./linear-rules.ts";
import { scatterToOwners, splitPlaces } from "./local-windows.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchAxis,
  type Batched,
  definePrimitive,
  type LoweringContext,
  type Part,
  type PartitionContext,
  type PrimitiveRules,
  primitiveNamed,
  type ShardingRule,
} from "./primitive.ts";
import { bool } from "./python-text.ts";
import { checkScatter, formatScatterDimensionNumbers, type ScatterParams, scatterMap } from "./scatter-dimensions.ts";
import { type Combine, scatterLowering } from "./scatter-lowering.ts";
import { windowDimensions } from "./window-map.ts";
import { hostPlaces, startOf } from "./window-start.ts";

interface ScatterDefinition extends Pick<PrimitiveRules<ScatterParams>, "jvp" | "differentiate" | "transpose"> {
  readonly accepts: (dtype: DType) => boolean;
  /** The op of which it is many, as printed in `update_jaxpr`; null: it replaces. */
  readonly operation: string | null;
  readonly reference: (old: number, update: number, float: boolean) => number;
  readonly kernel?: Combine;
  /** What an axis of index vectors is to the result; replicated unless partial results combine into the whole. */
  readonly vectors?: (f: FactorList, size: number) => Dimension;
}

/** `{ lambda ; a:f32[] b:f32[]. let c:f32[] = add a b in (c,) }` */
function updateJaxpr(operation: string, dtype: DType): ClosedJaxpr {
  const scalar = shapedArray([], dtype);
  const [old, update, result] = [newVar(scalar), newVar(scalar), newVar(scalar)];
  const eqn = {
    primitive: primitiveNamed(operation),
    inputs: [old, update],
    outputs: [result],
    params: {},
    source: { scope: "" },
  };
  return { jaxpr: { constvars: [], invars: [old, update], eqns: [eqn], outvars: [result] }, consts: [] };
}

type Rules = Pick<PrimitiveRules<ScatterParams>, "jvp" | "differentiate" | "transpose">;

/** Reads what a scatter of such updates writes. */
function inverseGather(
  ops: OpBuilder,
  x: Operand,
  indices: Operand,
  updates: Shape,
  { dimensionNumbers: numbers }: ScatterParams,
  mode: GatherParams["mode"],
): Operand {
  const gone = [...numbers.insertedWindowDims, ...numbers.operandBatchingDims];
  const window = numbers.updateWindowDims.map((axis) => updates[axis]);
  return ops.bind1("gather", [x, indices], {
    dimensionNumbers: {
      offsetDims: numbers.updateWindowDims,
      collapsedSliceDims: numbers.insertedWindowDims,
      startIndexMap: numbers.scatterDimsToOperandDims,
      operandBatchingDims: numbers.operandBatchingDims,
      startIndicesBatchingDims: numbers.scatterIndicesBatchingDims,
    },
    sliceSizes: x.aval.shape.map((_, axis) => (gone.includes(axis) ? 1 : (window.shift() as number))),
    mode,
    fillValue: mode === "FILL_OR_DROP" ? 0 : null,
    indicesAreSorted: false,
    uniqueIndices: false,
  });
}

/** To read where a scatter may write: what is read elsewhere is not used. */
const modeWithin = ({ mode }: ScatterParams): GatherParams["mode"] => (mode === "CLIP" ? "CLIP" : "PROMISE_IN_BOUNDS");

const needsUnique = (op: string): TypeError =>
  new TypeError(`${op}: no transpose rule unless uniqueIndices is promised`);

const scatterAddRules = (name: "scatter-add" | "scatter-sub"): Rules => ({
  jvp: ({ bind, zeros }, [x, indices, updates], [dx, , dUpdates], { params }) =>
    bind(name, [dx ?? zeros(x.aval), indices, dUpdates ?? zeros(updates.aval)], params),
  transpose: (ops, [ct], [x, indices, updates], { inputs, params }) => {
    if (ct === null || indices === null) return [null, null, null];
    const read = updates === null ? inverseGather(ops, ct, indices, inputs[2].shape, params, params.mode) : null;
    return [x === null ? ct : null, null, read && name === "scatter-sub" ? ops.neg(read) : read];
  },
});

const scatterMulRules: Rules = {
  jvp: (ops, [x, indices, updates], [dx, , dUpdates], { params }) => {
    const byOperand = dx && ops.bind1("scatter-mul", [dx, indices, updates], params);
    if (dUpdates && !params.uniqueIndices)
      throw new TypeError("scatter-mul: no differentiation rule for updates unless uniqueIndices is promised");
    const byUpdates = dUpdates && ops.mul(x, ops.bind1("scatter-add", [ops.zeros(x.aval), indices, dUpdates], params));
    return [ops.addAny(byOperand, byUpdates)];
  },
  transpose: (ops, [ct], [x, indices, updates], { inputs, params }) => {
    if (ct === null || indices === null) return [null, null, null];
    if (updates !== null) return [ops.bind1("scatter-mul", [ct, indices, updates], params), null, null];
    if (!params.uniqueIndices || x === null) throw needsUnique("scatter-mul");
    return [null, null, inverseGather(ops, ops.mul(ct, x), indices, inputs[2].shape, params, params.mode)];
  },
};

const scatterRules: Rules = {
  differentiate: (ops, [x, indices, updates], [dx, , dUpdates], { params }) => {
    if (dx === null && dUpdates === null)
      return { results: ops.bind("scatter", [x, indices, updates], params), tangents: [null] };
    const [tangent, updateTangent] = [dx ?? ops.zeros(x.aval), dUpdates ?? ops.zeros(updates.aval)];
    if (params.uniqueIndices) {
      const results = ops.bind("scatter", [x, indices, updates], params);
      return { results, tangents: ops.bind("scatter", [tangent, indices, updateTangent], params) };
    }
    const { kept, won } = winners(ops, x, indices, updates, params);
    const masked = [x, updates, tangent, updateTangent].map((value, i) => {
      const holds = i % 2 === 0 ? kept() : won();
      return ops.select(holds, value, ops.zeros(value.aval));
    });
    const add = (value: Operand, update: Operand): Operand =>
      ops.bind1("scatter-add", [value, indices, update], params);
    return { results: [add(masked[0], masked[1])], tangents: [add(masked[2], masked[3])] };
  },
  transpose: (ops, [ct], [x, indices, updates], { inputs, params }) => {
    if (ct === null || indices === null) return [null, null, null];
    if (!params.uniqueIndices) throw needsUnique("scatter");
    return [
      x === null ? ops.bind1("scatter", [ct, indices, ops.full(inputs[2].shape, 0, ct.aval.dtype)], params) : null,
      null,
      updates === null ? inverseGather(ops, ct, indices, inputs[2].shape, params, params.mode) : null,
    ];
  },
};

/** Which of several updates of one element wins is open, so they are numbered and the numbers scattered: `kept` elements have none, `won` updates find their own. */
function winners(
  ops: OpBuilder,
  x: Operand,
  indices: Operand,
  updates: Operand,
  params: ScatterParams,
): { readonly kept: () => Operand; readonly won: () => Operand } {
  const { shape } = updates.aval;
  const idShape = shape.map((size, axis) => (params.dimensionNumbers.updateWindowDims.includes(axis) ? 1 : size));
  const count = idShape.reduce((a, b) => a * b, 1);
  const ids = ops.add(ops.reshape(ops.iota("uint32", [count], 0), idShape), ops.full(shape, 1, "uint32"));
  const scattered = ops.bind1("scatter", [ops.full(x.aval.shape, 0, "uint32"), indices, ids], params);
  const found = inverseGather(ops, scattered, indices, shape, params, modeWithin(params));
  return { kept: () => ops.eq(scattered, ops.fullLike(scattered, 0)), won: () => ops.eq(ids, found) };
}

/** Of several updates that reach the extreme, and of the operand if it does too, each has an equal share of the tangent. */
const scatterExtremeRules: Rules = {
  jvp: (ops, [x, indices, updates], [dx, , dUpdates], { results: [result], params }) => {
    const { bind1, zeros, fullLike, select, eq, add, div, mul } = ops;
    const read = (y: Operand): Operand =>
      inverseGather(ops, y, indices, updates.aval.shape, params, modeWithin(params));
    const counted = (of: () => Operand): Operand => {
      const zero = zeros(x.aval);
      return read(bind1("scatter-add", [zero, indices, of()], params));
    };
    const [tangent, updateTangent] = [dx ?? zeros(x.aval), dUpdates ?? zeros(updates.aval)];
    const [initial, target] = [read(x), read(result)];
    const [wins, stays] = [eq(updates, target), eq(initial, target)];
    const winning = counted(() => select(wins, fullLike(updates, 1), fullLike(updates, 0)));
    const all = counted(() => fullLike(updates, 1));
    const shared = (): Operand => div(1, add(winning, 1));
    const ofUpdates = select(wins, select(stays, shared(), div(1, winning)), fullLike(updates, 0));
    const ofOperand = div(add(-1, select(stays, shared(), fullLike(winning, 0))), all);
    const change = add(mul(read(tangent), ofOperand), mul(updateTangent, ofUpdates));
    return [bind1("scatter-add", [tangent, indices, change], params)];
  },
};

/** The mapped axis stays where the operand has it: the operand is not moved, and so may be updated in place. */
export function batchScatter(
  ops: OpBuilder,
  name: string,
  [x, indices, updates]: readonly Operand[],
  [dim, indicesDim, updatesDim]: readonly (number | null)[],
  { size }: BatchAxis,
  params: ScatterParams,
): Batched {
  const { dimensionNumbers: numbers } = params;
  const at = dim ?? 0;
  const operand = dim === null ? ops.broadcastAt(x, at, size) : x;
  const updatesTo = (axis: number): Operand =>
    updatesDim === null ? ops.broadcastAt(updates, axis, size) : ops.moveAxis(updates, updatesDim, axis);
  const operandNumbers = {
    insertedWindowDims: shifted(numbers.insertedWindowDims, at),
    scatterDimsToOperandDims: shifted(numbers.scatterDimsToOperandDims, at),
  };
  const operandBatchingDims = shifted(numbers.operandBatchingDims, at);
  if (indicesDim === null) {
    // One more axis of every window: among the updates' window axes it comes where it does among the operand's.
    const gone = [...operandNumbers.insertedWindowDims, ...operandBatchingDims];
    const before = at - gone.filter((axis) => axis < at).length;
    const { updateWindowDims: windows } = numbers;
    const updatesAt = windows[before] ?? updates.aval.shape.length - (updatesDim === null ? 0 : 1);
    const whole = {
      ...operandNumbers,
      operandBatchingDims,
      scatterIndicesBatchingDims: numbers.scatterIndicesBatchingDims,
      updateWindowDims: shifted(windows, updatesAt).toSpliced(before, 0, updatesAt),
    };
    return batched(
      ops.bind1(name, [operand, indices, updatesTo(updatesAt)], { ...params, dimensionNumbers: whole }),
      at,
    );
  }
  const place = operandBatchingDims.filter((axis) => axis < at).length;
  const paired = {
    ...operandNumbers,
    updateWindowDims: shiftedByOne(numbers.updateWindowDims),
    operandBatchingDims: operandBatchingDims.toSpliced(place, 0, at),
    scatterIndicesBatchingDims: shiftedByOne(numbers.scatterIndicesBatchingDims).toSpliced(place, 0, 0),
  };
  const vectors = ops.batchToFront(indices, indicesDim, size);
  return batched(ops.bind1(name, [operand, vectors, updatesTo(0)], { ...params, dimensionNumbers: paired }), at);
}

/** @param placed what a dimension of the operand is that smaller windows are placed along */
function scatterRule(
  { inputs: [operand, indices, updates], params }: Pick<LoweringContext<ScatterParams>, "inputs" | "params">,
  f: FactorList,
  vectors: (size: number) => Dimension,
  placed: (size: number) => Dimension,
): ShardingRule {
  const map = scatterMap(operand.shape, indices.shape, updates.shape, params);
  const dimensions = windowDimensions(map, f, vectors, placed);
  return f.rule([dimensions.operand, dimensions.indices, dimensions.slices], [dimensions.operand]);
}

function partitionScatter(
  ops: OpBuilder,
  name: string,
  context: PartitionContext<ScatterParams>,
): readonly Part[] | undefined {
  const { params, inputs, sizes } = context;
  const map = scatterMap(inputs[0].shape, inputs[1].shape, inputs[2].shape, params);
  const f = newFactors();
  const arranged = context.arranged(scatterRule(context, f, f.replicated, f.parallel));
  const [layout] = arranged.operands;
  if (splitPlaces(map, layout).length === 0) return undefined;
  const [x, indices, updates] = arranged.parts();
  const value = scatterToOwners(ops, name, map, params, updates, { x, indices, layout, sizes });
  return [{ value, layout: arranged.results[0] }];
}

/** Operands: x, integer indices `[…, entries]`, whose last axis holds index vectors, and updates. Duplicates are applied in the order of the updates. */
const defineScatter = (name: string, definition: ScatterDefinition) =>
  definePrimitive<ScatterParams>(name, {
    ...(definition.jvp && { jvp: definition.jvp }),
    ...(definition.differentiate && { differentiate: definition.differentiate }),
    ...(definition.transpose && { transpose: definition.transpose }),
    batch: (ops, operands, dims, { params, axis }) => batchScatter(ops, name, operands, dims, axis, params),
    abstractEval(inputs, params) {
      const [operand, , updates] = inputs;
      if (operand.dtype !== updates.dtype)
        throw new DTypeError(
          `${name}: operand and updates must have one dtype; got ${formatAval(operand)} and ${formatAval(updates)}`,
        );
      if (!definition.accepts(operand.dtype))
        throw new DTypeError(`${name}: operand must be of numbers; got ${formatAval(operand)}`);
      checkScatter(name, inputs, params);
      return [operand];
    },
    reference([operand, indices, updates], params) {
      const map = scatterMap(operand.shape, indices.shape, updates.shape, params);
      const { vectorOf, offsetOf } = hostPlaces(map);
      const float = isFloat(operand.dtype);
      const values = operand.values.slice();
      forEachIndex(updates.shape, (index, linear) => {
        const { start, fits } = startOf(map, indices, vectorOf(index));
        if (!fits && params.mode !== "CLIP") return;
        const at = offsetOf(index, start);
        values[at] = definition.reference(values[at], updates.values[linear], float);
      });
      return [hostTensor(operand.shape, operand.dtype, values)];
    },
    lowering: scatterLowering(definition.kernel),
    sharding(context) {
      const f = newFactors();
      const vectors = (size: number): Dimension => (definition.vectors ?? replicated)(f, size);
      return scatterRule(context, f, vectors, f.replicated);
    },
    partition: (ops, _, context) => partitionScatter(ops, name, context),
    cost: ({ inputs: [, , updates] }) => ({ flops: definition.kernel ? sizeOf(updates.shape) : 0, transcendentals: 0 }),
    exact: definition.kernel === undefined,
    printParams: (params, [operand]) => ({
      dimension_numbers: formatScatterDimensionNumbers(params.dimensionNumbers),
      indices_are_sorted: bool(params.indicesAreSorted),
      mode: `GatherScatterMode.${params.mode}`,
      unique_indices: bool(params.uniqueIndices),
      update_consts: "()",
      update_jaxpr: definition.operation === null ? "None" : updateJaxpr(definition.operation, operand.dtype),
    }),
  });

const replicated = (f: FactorList, size: number): Dimension => f.replicated(size);

/** x with elements replaced. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter.html */
export const scatter = defineScatter("scatter", {
  ...scatterRules,
  accepts: () => true,
  operation: null,
  reference: (_, update) => update,
});

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_add.html */
export const scatterAdd = defineScatter("scatter-add", {
  ...scatterAddRules("scatter-add"),
  accepts: isNumber,
  operation: "add",
  reference: (old, update) => old + update,
  kernel: (k, old, update) => k.add(old, update),
});

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_sub.html */
export const scatterSub = defineScatter("scatter-sub", {
  ...scatterAddRules("scatter-sub"),
  accepts: isNumber,
  operation: "sub",
  reference: (old, update) => old - update,
  kernel: (k, old, update) => k.sub(old, update),
});

/** @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_mul.html */
export const scatterMul = defineScatter("scatter-mul", {
  ...scatterMulRules,
  accepts: isNumber,
  operation: "mul",
  reference: (old, update, float) => (float ? old * update : Math.imul(old, update)),
  kernel: (k, old, update) => k.mul(old, update),
});

/** NaN wins; of bools: and. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_min.html */
export const scatterMin = defineScatter("scatter-min", {
  ...scatterExtremeRules,
  accepts: () => true,
  operation: "min",
  reference: (old, update) => Math.min(old, update),
  kernel: (k, x, y) => (x.type === "bool" ? k.and(x, y) : x.type === "f32" ? minimum(k, x, y) : k.min(x, y)),
  vectors: (f, size) => f.reduction(size, "min"),
});

/** NaN wins; of bools: or. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scatter_max.html */
export const scatterMax = defineScatter("scatter-max", {
  ...scatterExtremeRules,
  accepts: () => true,
  operation: "max",
  reference: (old, update) => Math.max(old, update),
  kernel: (k, x, y) => (x.type === "bool" ? k.or(x, y) : x.type === "f32" ? maximum(k, x, y) : k.max(x, y)),
  vectors: (f, size) => f.reduction(size, "max"),
});
