/**
 * Collectives: operations across a named axis, of `vmap` or of a mesh. Mapping resolves them within a GPU; what is left goes
 * over several GPUs, and is made of exchanges.
 */
import { bitsOf, type DType, isFloat, isNumber, itemSizeBytes } from "../base/dtypes.ts";
import { DTypeError, invariant } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { exchangedTogether, gpuImmediate } from "./exchange.ts";
import { replicatedRule } from "./factors.ts";
import { batched, linearJvp } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type BatchAxis, type CallLowering, definePrimitive, type PrimitiveRules } from "./primitive.ts";
import { list, tuple } from "./python-text.ts";
import { recordJaxpr } from "./record-jaxpr.ts";

export type CollectiveParams = {
  /** Names of the axes. */
  readonly axes: readonly string[];
};

export const resolved = (name: string, axes: readonly string[]): never => {
  invariant(false, `${name} over ${list(axes)} is resolved before it runs`);
};

/** A collective between GPUs in terms of exchanges and other ops. */
export const loweredAs = <P>(formula: (ops: OpBuilder, x: Operand, params: P) => Operand): CallLowering<P> =>
  allLoweredAs((ops, [x], params) => [formula(ops, x, params)]);
const allLoweredAs = <P>(
  formula: (ops: OpBuilder, xs: readonly Operand[], params: P) => readonly Operand[],
): CallLowering<P> => ({
  kind: "call",
  body: ({ inputs, params }) => recordJaxpr(inputs, (ops, xs) => formula(ops, xs, params)),
});

/** Bytes of arrays. */
export const bytesOf = (avals: readonly ShapedArray[]): number =>
  avals.reduce((n, { shape, dtype }) => n + sizeOf(shape) * itemSizeBytes(dtype), 0);
export const devicesAlong = (axes: readonly string[], sizes: ReadonlyMap<string, number>): number =>
  sizeOf(axes.map((axis) => sizes.get(axis) ?? 1));

/** Names of axes that are left when one is mapped: its own, too, if it goes on over GPUs. */
const namesLeft = (axes: readonly string[], { name, gpus }: BatchAxis): readonly string[] =>
  gpus === undefined ? axes.filter((other) => other !== name) : axes;

/** Sums in two steps, which are rounded after the second. */
function allRoundedOnce(
  ops: OpBuilder,
  xs: readonly Operand[],
  sum: (xs: readonly Operand[]) => readonly Operand[],
): readonly Operand[] {
  const isRounded = ({ aval: { dtype } }: Operand): boolean => isFloat(dtype) && bitsOf(dtype) < 32;
  const wide = xs.map((x) => (isRounded(x) ? ops.convert(x, "float32", x.aval.weakType) : x));
  return sum(wide).map((y, i) => (isRounded(xs[i]) ? ops.convert(y, xs[i].aval.dtype, xs[i].aval.weakType) : y));
}
export const roundedOnce = (ops: OpBuilder, x: Operand, sum: (x: Operand) => Operand): Operand =>
  allRoundedOnce(ops, [x], ([y]) => [sum(y)])[0];

interface ReductionDefinition extends Pick<PrimitiveRules<CollectiveParams>, "jvp" | "transpose" | "scattered"> {
  readonly accepts: (dtype: DType) => boolean;
  /** The op over an axis of an array. */
  readonly reduction: string;
  readonly combine: "add" | "max" | "min";
  /** What it gives for a value that all have in common. */
  readonly ofEqual: (ops: OpBuilder, x: Operand, size: number) => Operand;
}

const defineCollective = (name: string, definition: ReductionDefinition) => {
  const { accepts, reduction, combine, ofEqual, ...rules } = definition;
  return definePrimitive<CollectiveParams>(name, {
    ...rules,
    abstractEval: (inputs) => {
      const bad = inputs.find(({ dtype }) => !accepts(dtype));
      if (bad) throw new DTypeError(`${name}: operand must be of numbers; got ${formatAval(bad)}`);
      return inputs;
    },
    reference: (_, { axes }) => resolved(name, axes),
    axisNames: ({ axes }) => axes,
    scope: "collectives",
    varying: ({ axes }, operands) => operands.filter((name) => !axes.includes(name)),
    agrees: true,
    folds: combine,
    traffic: ({ params: { axes }, inputs }, sizes) => {
      const devices = devicesAlong(axes, sizes);
      return { axes, sizeBytes: (2 * (devices - 1) * bytesOf(inputs)) / devices };
    },
    batch: (ops, xs, dims, { params, axis }) => {
      if (!params.axes.includes(axis.name ?? "")) return { results: ops.bind(name, xs, params), dims };
      const axes = namesLeft(params.axes, axis);
      const within = (ys: readonly Operand[]): readonly Operand[] =>
        ys.map((y, i) =>
          dims[i] === null ? ofEqual(ops, y, axis.size) : ops.bind1(reduction, [y], { axes: [dims[i] as number] }),
        );
      const between = (ys: readonly Operand[]): readonly Operand[] => ops.bind(name, within(ys), { axes });
      const results =
        axes.length === 0 ? within(xs) : combine === "add" ? allRoundedOnce(ops, xs, between) : between(xs);
      return { results, dims: results.map(() => null) };
    },
    lowering: allLoweredAs((ops, xs, { axes }) =>
      exchangedTogether(ops, xs, { collective: "allReduce", axes, combine }),
    ),
    sharding: replicatedRule,
    printParams: ({ axes }) => ({ axes: tuple(axes.map((axis) => `'${axis}'`)), axis_index_groups: "None" }),
  });
};

/** Sum over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.psum.html */
export const psum = defineCollective("psum", {
  accepts: isNumber,
  reduction: "reduce_sum",
  combine: "add",
  scattered: "reduce_scatter",
  ofEqual: ({ mul }, x, size) => mul(size, x),
  jvp: ({ bind1 }, _, tangents, { params }) => tangents.map((dx) => dx && bind1("psum", [dx], params)),
  // What every element gets of the sum it gives back to every element.
  transpose: ({ bind1 }, cts, _, { params }) => cts.map((ct) => ct && bind1("psum", [ct], params)),
});
/**
 * The sum over axes along which it is checked what varies: known to be equal on all devices, so that its cotangent is one value,
 * which every device gets. @see https://docs.jax.dev/en/latest/notebooks/shard_map.html
 */
export const psumInvariant = defineCollective("psum_invariant", {
  accepts: isNumber,
  reduction: "reduce_sum",
  combine: "add",
  ofEqual: ({ mul }, x, size) => mul(size, x),
  jvp: ({ bind1 }, _, tangents, { params: { axes } }) =>
    tangents.map((dx) => dx && bind1("psum_invariant", [varied(bind1, dx, axes)], { axes })),
  transpose: ({ bind1 }, cts, _, { params: { axes } }) => cts.map((ct) => ct && varied(bind1, ct, axes)),
});

/** A value that varies along the axes. */
function varied(bind1: OpBuilder["bind1"], x: Operand, axes: readonly string[]): Operand {
  const missing = axes.filter((name) => !x.aval.varying?.includes(name));
  return missing.length === 0 ? x : bind1("pvary", [x], { axes: missing });
}
/** Largest over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmax.html */
export const pmax = defineCollective("pmax", {
  accepts: () => true,
  reduction: "reduce_max",
  combine: "max",
  ofEqual: (_, x) => x,
});
/** Smallest over the axes. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pmin.html */
export const pmin = defineCollective("pmin", {
  accepts: () => true,
  reduction: "reduce_min",
  combine: "min",
  ofEqual: (_, x) => x,
});

/** Position along the axis, an int32; between GPUs an immediate of the kernel. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.axis_index.html */
export const axisIndex = definePrimitive<CollectiveParams>("axis_index", {
  abstractEval: () => [shapedArray([], "int32")],
  reference: (_, { axes }) => resolved("axis_index", axes),
  axisNames: ({ axes }) => axes,
  batch: (ops, _operands, _dims, { params, axis: { size, gpus } }) => {
    const within = ops.iota("int32", [size], 0);
    if (gpus === undefined) return batched(within, 0);
    const first = ops.mul(ops.bind1("axis_index", [], params), size);
    return batched(ops.add(ops.broadcastInDim(first, [size], []), within), 0);
  },
  lowering: {
    kind: "map",
    movement: true,
    element: (k, _index, _read, { params: { axes } }) => k.immediate(gpuImmediate(axes[0]), "i32"),
  },
  sharding: replicatedRule,
  printParams: ({ axes: [axis] }) => ({ axis_name: axis }),
});

/** A value that is equal on all devices of the axes, as one that may differ. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.pcast.html */
export const vary = definePrimitive<CollectiveParams>("pvary", {
  abstractEval: ([x]) => [x],
  reference: (_, { axes }) => resolved("pvary", axes),
  axisNames: ({ axes }) => axes,
  jvp: linearJvp("pvary"),
  varying: ({ axes }, operands) => [...new Set([...operands, ...axes])],
  variesAlong: ({ axes }) => axes,
  transpose: ({ bind1 }, [ct], _, { params: { axes } }) => [
    ct && bind1("psum_invariant", [varied(bind1, ct, axes)], { axes }),
  ],
  // It counts as varying, but its elements are equal: nothing is copied.
  batch: (ops, [x], [dim], { params, axis }) => {
    const axes = params.axes.includes(axis.name ?? "") ? namesLeft(params.axes, axis) : params.axes;
    return batched(axes.length > 0 ? ops.bind1("pvary", [x], { axes }) : x, dim);
  },
  lowering: loweredAs((_, x) => x),
  sharding: replicatedRule,
  printParams: ({ axes }) => ({ axes: tuple(axes.map((axis) => `'${axis}'`)) }),
});
