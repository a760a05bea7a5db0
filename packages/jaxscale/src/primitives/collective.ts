/**
 * Collectives: operations across a named axis, of `vmap` or of a mesh. Mapping resolves them within a GPU; what is left goes
 * over several GPUs, and is made of exchanges.
 */
import { bitsOf, type DType, isFloat, isNumber } from "../base/dtypes.ts";
import { DTypeError, invariant } from "../base/errors.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import { exchanged, gpuImmediate } from "./exchange.ts";
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
export const loweredAs = <P>(formula: (ops: OpBuilder, x: Operand, params: P) => Operand): CallLowering<P> => ({
  kind: "call",
  body: ({ inputs, params }) => recordJaxpr(inputs, (ops, [x]) => [formula(ops, x, params)]),
});

/** Names of axes that are left when one is mapped: its own, too, if it goes on over GPUs. */
const namesLeft = (axes: readonly string[], { name, gpus }: BatchAxis): readonly string[] =>
  gpus === undefined ? axes.filter((other) => other !== name) : axes;

/** A sum in two steps, which is rounded after the second. */
export function roundedOnce(ops: OpBuilder, x: Operand, sum: (x: Operand) => Operand): Operand {
  const { dtype, weakType } = x.aval;
  const isRounded = isFloat(dtype) && bitsOf(dtype) < 32;
  return isRounded ? ops.convert(sum(ops.convert(x, "float32", weakType)), dtype, weakType) : sum(x);
}

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
    abstractEval: ([x]) => {
      if (!accepts(x.dtype)) throw new DTypeError(`${name}: operand must be of numbers; got ${formatAval(x)}`);
      return [x];
    },
    reference: (_, { axes }) => resolved(name, axes),
    axisNames: ({ axes }) => axes,
    agrees: true,
    batch: (ops, [x], [dim], { params, axis }) => {
      if (!params.axes.includes(axis.name ?? "")) return batched(ops.bind1(name, [x], params), dim);
      const axes = namesLeft(params.axes, axis);
      const within = (y: Operand): Operand =>
        dim === null ? ofEqual(ops, y, axis.size) : ops.bind1(reduction, [y], { axes: [dim] });
      const between = (y: Operand): Operand => ops.bind1(name, [within(y)], { axes });
      if (axes.length === 0) return batched(within(x), null);
      return batched(combine === "add" ? roundedOnce(ops, x, between) : between(x), null);
    },
    lowering: loweredAs((ops, x, { axes }) => exchanged(ops, x, { collective: "allReduce", axes, combine })),
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
  jvp: ({ bind }, _, [dx], { params }) => (dx ? bind("psum", [dx], params) : [null]),
  // What every element gets of the sum it gives back to every element.
  transpose: ({ bind }, [ct], _, { params }) => (ct ? bind("psum", [ct], params) : [null]),
});
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
  transpose: ({ bind1 }, [ct], _, { params }) => [ct && bind1("psum", [ct], params)],
  batch: (ops, [x], [dim], { params, axis }) => {
    const axes = namesLeft(params.axes, axis);
    const y = axes.length > 0 ? ops.bind1("pvary", [x], { axes }) : x;
    const own = params.axes.includes(axis.name ?? "");
    return own ? batched(ops.batchToFront(y, dim, axis.size), 0) : batched(y, dim);
  },
  lowering: loweredAs((_, x) => x),
  sharding: replicatedRule,
  printParams: ({ axes }) => ({ axes: tuple(axes.map((axis) => `'${axis}'`)) }),
});
