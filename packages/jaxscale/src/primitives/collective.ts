/** Operations across a mapped axis, named by what maps over it. Mapping resolves them; no kernel ever sees one. */
import { type DType, isNumber } from "../base/dtypes.ts";
import { DTypeError, invariant } from "../base/errors.ts";
import { formatAval, shapedArray } from "../jaxpr/ir.ts";
import { replicatedRule } from "./factors.ts";
import { batched } from "./linear-rules.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type MapLowering, type PrimitiveRules } from "./primitive.ts";
import { list, tuple } from "./python-text.ts";

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
