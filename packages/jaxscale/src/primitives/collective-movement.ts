/** Collectives that move data along one named axis, and the part that a device has of what all have. */
import type { Shape } from "../base/shapes.ts";
import { type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { bytesOf, type CollectiveParams, devicesAlong, loweredAs, resolved, roundedOnce } from "./collective.ts";
import { exchanged } from "./exchange.ts";
import { replicatedRule } from "./factors.ts";
import { batched, linearJvp } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { permutedBetweenGpus, takeRows } from "./permuted-rows.ts";
import { type BatchAxis, type Batched, definePrimitive, type PrimitiveRules } from "./primitive.ts";
import { bool, tuple } from "./python-text.ts";

/** Parameters of a collective that moves data along one named axis of `axisSize` devices. */
export type MovementParams = CollectiveParams & { readonly axisSize: number };

interface MovementDefinition<P extends MovementParams> extends Pick<PrimitiveRules<P>, "wholeOf"> {
  readonly shape: (shape: Shape, params: P) => Shape;
  /** The transposed op, applied to the cotangent. */
  readonly transposed: (ops: OpBuilder, ct: Operand, params: P) => Operand;
  /** The parameters for an operand with one more axis in front. */
  readonly behindAxis: (params: P) => P;
  /** The op on an operand that has the named axis in front, or its part within a GPU; the result says where it has it. */
  readonly stacked: (ops: OpBuilder, x: Operand, params: P, axis: BatchAxis) => Batched;
  /** The op between GPUs. */
  readonly between: (ops: OpBuilder, x: Operand, params: P) => Operand;
  /** The share of the larger of operand and result that a device sends to `others` other devices. */
  readonly sent: (others: number) => number;
  readonly printParams: (params: P) => Readonly<Record<string, string>>;
}

const defineMovement = <P extends MovementParams>(name: string, definition: MovementDefinition<P>): PrimitiveRules<P> =>
  definePrimitive<P>(name, {
    ...(definition.wholeOf && { wholeOf: definition.wholeOf }),
    abstractEval: ([x], params) => [withShape(x, definition.shape(x.shape, params))],
    reference: (_, { axes }) => resolved(name, axes),
    axisNames: ({ axes }) => axes,
    scope: "collectives",
    jvp: linearJvp(name),
    transpose: (ops, [ct], _, { params }) => [ct && definition.transposed(ops, ct, params)],
    batch(ops, [x], [dim], { params, axis }) {
      const front = ops.batchToFront(x, dim, axis.size);
      if (params.axes.includes(axis.name ?? "")) return definition.stacked(ops, front, params, axis);
      return batched(ops.bind1(name, [front], definition.behindAxis(params)), 0);
    },
    lowering: loweredAs(definition.between),
    traffic: ({ params: { axes }, inputs, outputs }, sizes) => {
      const whole = Math.max(bytesOf(inputs), bytesOf(outputs));
      return { axes, sizeBytes: definition.sent(devicesAlong(axes, sizes) - 1) * whole };
    },
    sharding: replicatedRule,
    printParams: (params) => ({
      axis_index_groups: "None",
      axis_name: tuple(params.axes.map((axis) => `'${axis}'`)),
      ...definition.printParams(params),
    }),
  });

const withShape = ({ dtype, weakType }: ShapedArray, shape: Shape): ShapedArray => shapedArray(shape, dtype, weakType);

/** Splits an axis into `parts` and what one part has of it. */
const splitAxis = (ops: OpBuilder, x: Operand, axis: number, parts: number): Operand =>
  ops.reshape(x, x.aval.shape.toSpliced(axis, 1, parts, x.aval.shape[axis] / parts));
/** Merges an axis with the one behind it. */
const mergeAxis = (ops: OpBuilder, x: Operand, axis: number): Operand =>
  ops.reshape(x, x.aval.shape.toSpliced(axis, 2, x.aval.shape[axis] * x.aval.shape[axis + 1]));

/** Each device has one part of what there is, and sends or gets the others. */
const allButOwn = (others: number): number => others / (others + 1);

export type GatherScatterParams = MovementParams & {
  /** Axis that the devices' parts lie along. */
  readonly dimension: number;
  /** Parts are laid end to end along an axis that is there already, instead of along a new one. */
  readonly tiled: boolean;
};

const gathered = (shape: Shape, { dimension, tiled, axisSize }: GatherScatterParams): Shape =>
  tiled ? shape.with(dimension, shape[dimension] * axisSize) : shape.toSpliced(dimension, 0, axisSize);
const scattered = (shape: Shape, { dimension, tiled, axisSize }: GatherScatterParams): Shape =>
  tiled ? shape.with(dimension, shape[dimension] / axisSize) : shape.toSpliced(dimension, 1);
const nextDimension = (params: GatherScatterParams): GatherScatterParams => ({
  ...params,
  dimension: params.dimension + 1,
});

/** The parts of all devices, on every device. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.all_gather.html */
export const allGather = defineMovement<GatherScatterParams>("all_gather", {
  wholeOf: ({ axes, axisSize, dimension, tiled }) => (tiled ? { axes, axisSize, dimension } : undefined),
  shape: gathered,
  transposed: ({ bind1 }, ct, params) => bind1("reduce_scatter", [ct], params),
  behindAxis: nextDimension,
  stacked: (ops, x, params, { gpus }) => {
    const { dimension, tiled } = params;
    const apart = ops.moveAxis(x, 0, dimension);
    const all = tiled ? mergeAxis(ops, apart, dimension) : apart;
    const others = { ...params, axisSize: gpus, tiled: true };
    return batched(gpus === undefined ? all : ops.bind1("all_gather", [all], others), null);
  },
  sent: allButOwn,
  between: (ops, x, { axes, axisSize, dimension, tiled }) => {
    const parts = exchanged(ops, x, { collective: "allGather", axes, groupSize: axisSize });
    const all = ops.moveAxis(parts, 0, dimension);
    return tiled ? mergeAxis(ops, all, dimension) : all;
  },
  printParams: ({ dimension, axisSize, tiled }) => ({
    all_gather_dimension: `${dimension}`,
    axis_size: `${axisSize}`,
    tiled: bool(tiled),
  }),
});

/** The sum over the devices, of which each keeps its part. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum_scatter.html */
export const reduceScatter = defineMovement<GatherScatterParams>("reduce_scatter", {
  shape: scattered,
  transposed: ({ bind1 }, ct, params) => bind1("all_gather", [ct], params),
  behindAxis: nextDimension,
  stacked: (ops, x, params, { size, gpus }) => {
    const { dimension, tiled } = params;
    const others = { ...params, axisSize: gpus, tiled: true };
    const own =
      gpus === undefined
        ? ops.reduceSum(x, [0])
        : roundedOnce(ops, x, (y) => ops.bind1("reduce_scatter", [ops.reduceSum(y, [0])], others));
    return batched(tiled ? splitAxis(ops, own, dimension, size) : own, dimension);
  },
  sent: allButOwn,
  between: (ops, x, { axes, axisSize, dimension, tiled }) => {
    const apart = tiled ? splitAxis(ops, x, dimension, axisSize) : x;
    const parts = ops.moveAxis(apart, dimension, 0);
    return exchanged(ops, parts, { collective: "reduceScatter", axes, combine: "add", groupSize: axisSize });
  },
  printParams: ({ dimension, axisSize, tiled }) => ({
    axis_size: `${axisSize}`,
    scatter_dimension: `${dimension}`,
    tiled: bool(tiled),
  }),
});

export type AllToAllParams = MovementParams & {
  readonly splitAxis: number;
  readonly concatAxis: number;
  readonly tiled: boolean;
};

/** Part `i` of `splitAxis` goes to device `i`, which lays what it receives along `concatAxis`. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.all_to_all.html */
export const allToAll = defineMovement<AllToAllParams>("all_to_all", {
  shape: (shape, { splitAxis, concatAxis, tiled, axisSize }) => {
    if (!tiled) return shape.toSpliced(splitAxis, 1).toSpliced(concatAxis, 0, axisSize);
    const parts = shape.with(splitAxis, shape[splitAxis] / axisSize);
    return parts.with(concatAxis, parts[concatAxis] * axisSize);
  },
  transposed: ({ bind1 }, ct, params) =>
    bind1("all_to_all", [ct], { ...params, splitAxis: params.concatAxis, concatAxis: params.splitAxis }),
  behindAxis: (params) => ({ ...params, splitAxis: params.splitAxis + 1, concatAxis: params.concatAxis + 1 }),
  stacked: (ops, x, params, { gpus }) => {
    const split = params.splitAxis + 1;
    const parts = params.tiled ? splitAxis(ops, x, split, params.axisSize) : x;
    // Receivers come first, then senders.
    let placed = ops.moveAxis(parts, split, 0);
    if (gpus !== undefined) {
      const others = { axes: params.axes, axisSize: gpus, splitAxis: 0, concatAxis: 0, tiled: false };
      // [GPUs of receivers, receivers, senders, …] to [receivers, GPUs of senders, senders, …].
      const received = ops.bind1("all_to_all", [splitAxis(ops, placed, 0, gpus)], others);
      placed = mergeAxis(ops, ops.moveAxis(received, 1, 0), 1);
    }
    const concat = params.concatAxis + 1;
    const joined = ops.moveAxis(placed, 1, concat);
    return batched(params.tiled ? mergeAxis(ops, joined, concat) : joined, 0);
  },
  sent: allButOwn,
  between: (ops, x, params) => {
    const { axes, axisSize, concatAxis, tiled } = params;
    const parts = tiled ? splitAxis(ops, x, params.splitAxis, axisSize) : x;
    const sent = ops.moveAxis(parts, params.splitAxis, 0);
    const received = exchanged(ops, sent, { collective: "allToAll", axes, groupSize: axisSize });
    const joined = ops.moveAxis(received, 0, concatAxis);
    return tiled ? mergeAxis(ops, joined, concatAxis) : joined;
  },
  printParams: ({ splitAxis, concatAxis, tiled }) => ({
    concat_axis: `${concatAxis}`,
    split_axis: `${splitAxis}`,
    tiled: bool(tiled),
  }),
});

export type PermuteParams = MovementParams & {
  /** Pairs of a sender and its receiver; each is at most once a sender and once a receiver. */
  readonly perm: readonly (readonly [from: number, to: number])[];
};

/** What the sender of a pair has, at its receiver; zeros where there is none. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ppermute.html */
export const permute = defineMovement<PermuteParams>("ppermute", {
  shape: (shape) => shape,
  transposed: ({ bind1 }, ct, params) =>
    bind1("ppermute", [ct], { ...params, perm: params.perm.map(([from, to]) => [to, from]) }),
  behindAxis: (params) => params,
  stacked: (ops, x, { axes, perm }, { size, gpus }) => {
    const senders = new Map(perm.map(([from, to]) => [to, from]));
    const sources = Array.from({ length: size }, (_, to) => senders.get(to));
    return batched(
      gpus === undefined ? takeRows(ops, x, sources) : permutedBetweenGpus(ops, x, { axes, senders, gpus }),
      0,
    );
  },
  sent: () => 1,
  between: (ops, x, { axes, perm }) => exchanged(ops, x, { collective: "permute", axes, pairs: perm }),
  printParams: ({ perm }) => ({ perm: tuple(perm.map(([from, to]) => `(${from}, ${to})`)) }),
});

export type PartParams = MovementParams & { readonly dimension: number };

/** The part at a place, a scalar int32, of a dimension's equal parts. */
function partAt(ops: OpBuilder, x: Operand, dimension: number, parts: number, place: Operand): Operand {
  const size = x.aval.shape[dimension] / parts;
  const start = ops.mul(place, ops.literal(size, "int32"));
  const starts = x.aval.shape.map((_, i) => (i === dimension ? start : ops.literal(0, "int32")));
  return ops.bind1("dynamic_slice", [x, ...starts], { sliceSizes: x.aval.shape.with(dimension, size) });
}

/** Of a value that is equal on all devices of an axis, the part of a dimension that is the device's own. */
export const ownPart = definePrimitive<PartParams>("own_part", {
  abstractEval: ([x], { dimension, axisSize }) => [
    withShape(x, x.shape.with(dimension, x.shape[dimension] / axisSize)),
  ],
  reference: (_, { axes }) => resolved("own_part", axes),
  axisNames: ({ axes }) => axes,
  partOf: ({ axes, axisSize, dimension }) => ({ axes, axisSize, dimension }),
  jvp: linearJvp("own_part"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("all_gather", [ct], { ...params, tiled: true })],
  batch(ops, [x], [dim], { params, axis }) {
    const { dimension } = params;
    const { size, gpus } = axis;
    if (!params.axes.includes(axis.name ?? "")) {
      const front = ops.batchToFront(x, dim, size);
      return batched(ops.bind1("own_part", [front], { ...params, dimension: dimension + 1 }), 0);
    }
    if (gpus !== undefined) {
      const within = dim === null || dim > dimension ? dimension : dimension + 1;
      x = ops.bind1("own_part", [x], { ...params, dimension: within, axisSize: gpus });
    }
    if (dim === null) return batched(splitAxis(ops, x, dimension, size), dimension);
    // The devices' values differ: each takes its part of its own.
    const take = ([y, place]: readonly Operand[]): readonly Operand[] => [partAt(ops, y, dimension, size, place)];
    const places = ops.iota("int32", [size], 0);
    return ops.transforms.mapOver(take, [x, places], [dim, 0], { name: undefined, size });
  },
  lowering: loweredAs((ops, x, { axes, dimension, axisSize }) =>
    partAt(ops, x, dimension, axisSize, ops.bind1("axis_index", [], { axes })),
  ),
  sharding: replicatedRule,
  printParams: ({ axes, dimension }) => ({ axis_name: axes[0], dimension: `${dimension}` }),
});
