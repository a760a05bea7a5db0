/** Collectives: operations across a named axis, of `vmap` or of a mesh. Mapping resolves them; no kernel ever sees one. */
import { type DType, isNumber } from "../base/dtypes.ts";
import { DTypeError, invariant } from "../base/errors.ts";
import type { Shape } from "../base/shapes.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { replicatedRule } from "./factors.ts";
import { batched, linearJvp } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type Batched, definePrimitive, type MapLowering, type PrimitiveRules } from "./primitive.ts";
import { bool, list, tuple } from "./python-text.ts";

export type CollectiveParams = {
  /** Names of the axes. */
  readonly axes: readonly string[];
};

const resolved = (name: string, axes: readonly string[]): never => {
  invariant(false, `${name} over ${list(axes)} is resolved before it runs`);
};

const noKernel = <P extends CollectiveParams>(name: string): MapLowering<P> => ({
  kind: "map",
  movement: false,
  element: (_k, _index, _read, { params }) => resolved(name, params.axes),
});

interface ReductionDefinition extends Pick<PrimitiveRules<CollectiveParams>, "jvp" | "transpose"> {
  readonly accepts: (dtype: DType) => boolean;
  /** The op over an axis of an array. */
  readonly reduction: string;
  /** What it gives for a value that all have in common. */
  readonly ofEqual: (ops: OpBuilder, x: Operand, size: number) => Operand;
}

const defineCollective = (name: string, { accepts, reduction, ofEqual, ...rules }: ReductionDefinition) =>
  definePrimitive<CollectiveParams>(name, {
    ...rules,
    abstractEval: ([x]) => {
      if (!accepts(x.dtype)) throw new DTypeError(`${name}: operand must be of numbers; got ${formatAval(x)}`);
      return [x];
    },
    reference: (_, { axes }) => resolved(name, axes),
    axisNames: ({ axes }) => axes,
    agrees: true,
    batch: (ops, [x], [dim], { params, axis }) => {
      const rest = params.axes.filter((other) => other !== axis.name);
      if (rest.length === params.axes.length) return batched(ops.bind1(name, [x], params), dim);
      const reduced = dim === null ? ofEqual(ops, x, axis.size) : ops.bind1(reduction, [x], { axes: [dim] });
      return batched(rest.length > 0 ? ops.bind1(name, [reduced], { axes: rest }) : reduced, null);
    },
    lowering: noKernel(name),
    sharding: replicatedRule,
    printParams: ({ axes }) => ({ axes: tuple(axes.map((axis) => `'${axis}'`)), axis_index_groups: "None" }),
  });

/** Sum over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum.html */
export const psum = defineCollective("psum", {
  accepts: isNumber,
  reduction: "reduce_sum",
  ofEqual: ({ mul }, x, size) => mul(size, x),
  jvp: ({ bind }, _, [dx], { params }) => (dx ? bind("psum", [dx], params) : [null]),
  // What every element gets of the sum it gives back to every element.
  transpose: ({ bind }, [ct], _, { params }) => (ct ? bind("psum", [ct], params) : [null]),
});
/** Largest over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmax.html */
export const pmax = defineCollective("pmax", {
  accepts: () => true,
  reduction: "reduce_max",
  ofEqual: (_, x) => x,
});
/** Smallest over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmin.html */
export const pmin = defineCollective("pmin", {
  accepts: () => true,
  reduction: "reduce_min",
  ofEqual: (_, x) => x,
});

/** Position along the axis, an int32. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.axis_index.html */
export const axisIndex = definePrimitive<CollectiveParams>("axis_index", {
  abstractEval: () => [shapedArray([], "int32")],
  reference: (_, { axes }) => resolved("axis_index", axes),
  axisNames: ({ axes }) => axes,
  batch: ({ iota }, _operands, _dims, { axis }) => batched(iota("int32", [axis.size], 0), 0),
  lowering: noKernel("axis_index"),
  sharding: replicatedRule,
  printParams: ({ axes: [axis] }) => ({ axis_name: axis }),
});

/** Parameters of a collective that moves data along one named axis of `axisSize` devices. */
export type ExchangeParams = CollectiveParams & { readonly axisSize: number };

interface ExchangeDefinition<P extends ExchangeParams> {
  readonly shape: (shape: Shape, params: P) => Shape;
  /** The transposed op, applied to the cotangent. */
  readonly transposed: (ops: OpBuilder, ct: Operand, params: P) => Operand;
  /** The parameters for an operand with one more axis in front. */
  readonly behindAxis: (params: P) => P;
  /** The op on an operand that has the named axis in front; the result says where it has it. */
  readonly stacked: (ops: OpBuilder, x: Operand, params: P) => Batched;
  readonly printParams: (params: P) => Readonly<Record<string, string>>;
}

const defineExchange = <P extends ExchangeParams>(name: string, definition: ExchangeDefinition<P>): PrimitiveRules<P> =>
  definePrimitive<P>(name, {
    abstractEval: ([x], params) => [withShape(x, definition.shape(x.shape, params))],
    reference: (_, { axes }) => resolved(name, axes),
    axisNames: ({ axes }) => axes,
    jvp: linearJvp(name),
    transpose: (ops, [ct], _, { params }) => [ct && definition.transposed(ops, ct, params)],
    batch(ops, [x], [dim], { params, axis }) {
      const front = ops.batchToFront(x, dim, axis.size);
      if (params.axes.includes(axis.name ?? "")) return definition.stacked(ops, front, params);
      return batched(ops.bind1(name, [front], definition.behindAxis(params)), 0);
    },
    lowering: noKernel(name),
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

export type GatherScatterParams = ExchangeParams & {
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
export const allGather = defineExchange<GatherScatterParams>("all_gather", {
  shape: gathered,
  transposed: ({ bind1 }, ct, params) => bind1("reduce_scatter", [ct], params),
  behindAxis: nextDimension,
  stacked: (ops, x, { dimension, tiled }) => {
    const all = ops.moveAxis(x, 0, dimension);
    return batched(tiled ? mergeAxis(ops, all, dimension) : all, null);
  },
  printParams: ({ dimension, axisSize, tiled }) => ({
    all_gather_dimension: `${dimension}`,
    axis_size: `${axisSize}`,
    tiled: bool(tiled),
  }),
});

/** The sum over the devices, of which each keeps its part. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum_scatter.html */
export const reduceScatter = defineExchange<GatherScatterParams>("reduce_scatter", {
  shape: scattered,
  transposed: ({ bind1 }, ct, params) => bind1("all_gather", [ct], params),
  behindAxis: nextDimension,
  stacked: (ops, x, { dimension, tiled, axisSize }) => {
    const sum = ops.reduceSum(x, [0]);
    return batched(tiled ? splitAxis(ops, sum, dimension, axisSize) : sum, dimension);
  },
  printParams: ({ dimension, axisSize, tiled }) => ({
    axis_size: `${axisSize}`,
    scatter_dimension: `${dimension}`,
    tiled: bool(tiled),
  }),
});

export type AllToAllParams = ExchangeParams & {
  readonly splitAxis: number;
  readonly concatAxis: number;
  readonly tiled: boolean;
};

/** Part `i` of `splitAxis` goes to device `i`, which lays what it receives along `concatAxis`. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.all_to_all.html */
export const allToAll = defineExchange<AllToAllParams>("all_to_all", {
  shape: (shape, { splitAxis, concatAxis, tiled, axisSize }) => {
    if (!tiled) return shape.toSpliced(splitAxis, 1).toSpliced(concatAxis, 0, axisSize);
    const parts = shape.with(splitAxis, shape[splitAxis] / axisSize);
    return parts.with(concatAxis, parts[concatAxis] * axisSize);
  },
  transposed: ({ bind1 }, ct, params) =>
    bind1("all_to_all", [ct], { ...params, splitAxis: params.concatAxis, concatAxis: params.splitAxis }),
  behindAxis: (params) => ({ ...params, splitAxis: params.splitAxis + 1, concatAxis: params.concatAxis + 1 }),
  stacked: (ops, x, params) => {
    // Receivers come first, then senders.
    const receivers = params.splitAxis + 1;
    const split = params.tiled ? splitAxis(ops, x, receivers, params.axisSize) : x;
    const concat = params.concatAxis + 1;
    const placed = ops.moveAxis(ops.moveAxis(split, receivers, 0), 1, concat);
    return batched(params.tiled ? mergeAxis(ops, placed, concat) : placed, 0);
  },
  printParams: ({ splitAxis, concatAxis, tiled }) => ({
    concat_axis: `${concatAxis}`,
    split_axis: `${splitAxis}`,
    tiled: bool(tiled),
  }),
});

export type PermuteParams = ExchangeParams & {
  /** Pairs of a sender and its receiver; each is at most once a sender and once a receiver. */
  readonly perm: readonly (readonly [from: number, to: number])[];
};

/** What the sender of a pair has, at its receiver; zeros where there is none. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.ppermute.html */
export const permute = defineExchange<PermuteParams>("ppermute", {
  shape: (shape) => shape,
  transposed: ({ bind1 }, ct, params) =>
    bind1("ppermute", [ct], { ...params, perm: params.perm.map(([from, to]) => [to, from]) }),
  behindAxis: (params) => params,
  stacked: (ops, x, { perm, axisSize }) => batched(ops.concatenate(permutedRows(ops, x, perm, axisSize), 0), 0),
  printParams: ({ perm }) => ({ perm: tuple(perm.map(([from, to]) => `(${from}, ${to})`)) }),
});

/** The rows of x in the order of their receivers, neighbours that stay neighbours in one slice. */
function permutedRows(ops: OpBuilder, x: Operand, perm: PermuteParams["perm"], size: number): Operand[] {
  const [, ...row] = x.aval.shape;
  const sender = new Map(perm.map(([from, to]) => [to, from]));
  const rows: Operand[] = [];
  for (let to = 0; to < size; ) {
    const first = sender.get(to);
    let count = 1;
    const continues = (): boolean => sender.get(to + count) === (first === undefined ? undefined : first + count);
    while (to + count < size && continues()) count++;
    rows.push(
      first === undefined
        ? ops.zeros(withShape(x.aval, [count, ...row]))
        : ops.slice(x, [first, ...row.map(() => 0)], [first + count, ...row]),
    );
    to += count;
  }
  return rows;
}

export type PartParams = ExchangeParams & { readonly dimension: number };

/** Of a value that is equal on all devices of an axis, the part of a dimension that is the device's own. */
export const ownPart = definePrimitive<PartParams>("own_part", {
  abstractEval: ([x], { dimension, axisSize }) => [
    withShape(x, x.shape.with(dimension, x.shape[dimension] / axisSize)),
  ],
  reference: (_, { axes }) => resolved("own_part", axes),
  axisNames: ({ axes }) => axes,
  jvp: linearJvp("own_part"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("all_gather", [ct], { ...params, tiled: true })],
  batch(ops, [x], [dim], { params, axis }) {
    const { dimension, axisSize } = params;
    if (!params.axes.includes(axis.name ?? "")) {
      const front = ops.batchToFront(x, dim, axis.size);
      return batched(ops.bind1("own_part", [front], { ...params, dimension: dimension + 1 }), 0);
    }
    if (dim === null) return batched(splitAxis(ops, x, dimension, axisSize), dimension);
    // The devices' values differ: each takes its part of its own.
    const size = x.aval.shape.toSpliced(dim, 1)[dimension] / axisSize;
    const place = ops.mul(ops.iota("int32", [axisSize], 0), ops.full([axisSize], size, "int32"));
    const take = ([y, start]: readonly Operand[]): readonly Operand[] => {
      const starts = y.aval.shape.map((_, i) => (i === dimension ? start : ops.literal(0, "int32")));
      return ops.bind("dynamic_slice", [y, ...starts], { sliceSizes: y.aval.shape.with(dimension, size) });
    };
    return ops.transforms.mapOver(take, [x, place], [dim, 0], { name: undefined, size: axisSize });
  },
  lowering: noKernel("own_part"),
  sharding: replicatedRule,
  printParams: ({ axes, dimension }) => ({ axis_name: axes[0], dimension: `${dimension}` }),
});

/** A value that is equal on all devices of the axes, as one that may differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pcast.html */
export const vary = definePrimitive<CollectiveParams>("pvary", {
  abstractEval: ([x]) => [x],
  reference: (_, { axes }) => resolved("pvary", axes),
  axisNames: ({ axes }) => axes,
  jvp: linearJvp("pvary"),
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("psum", [ct], params)],
  batch: (ops, [x], [dim], { params, axis }) => {
    const rest = params.axes.filter((other) => other !== axis.name);
    const own = rest.length < params.axes.length;
    const y = rest.length > 0 ? ops.bind1("pvary", [x], { axes: rest }) : x;
    return own ? batched(ops.batchToFront(y, dim, axis.size), 0) : batched(y, dim);
  },
  lowering: noKernel("pvary"),
  sharding: replicatedRule,
  printParams: ({ axes }) => ({ axes: tuple(axes.map((axis) => `'${axis}'`)) }),
});
