/** Scatters: an operand with updates written, added, … at places in an array of indices. */

import { type DType, isFloat, isNumber } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { forEachIndex, sizeOf } from "../base/shapes.ts";
import { hostTensor } from "../base/tensor-data.ts";
import { type ClosedJaxpr, formatAval, newVar, shapedArray } from "../jaxpr/ir.ts";
import { maximum, minimum } from "../kernel/float.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import { definePrimitive, type PrimitiveRules, primitiveNamed } from "./primitive.ts";
import { bool } from "./python-text.ts";
import { checkScatter, formatScatterDimensionNumbers, type ScatterParams, scatterMap } from "./scatter-dimensions.ts";
import { type Combine, scatterLowering } from "./scatter-lowering.ts";
import { batchScatter, scatterAddRules, scatterExtremeRules, scatterMulRules, scatterRules } from "./scatter-rules.ts";
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
    sharding({ inputs: [operand, indices, updates], params }) {
      const f = newFactors();
      const map = scatterMap(operand.shape, indices.shape, updates.shape, params);
      const dimensions = windowDimensions(map, f, (size) => (definition.vectors ?? replicated)(f, size));
      return f.rule([dimensions.operand, dimensions.indices, dimensions.slices], [dimensions.operand]);
    },
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
