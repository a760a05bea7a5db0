/** Slices, gathers and scatters on the CPU, against JAX. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { dynamicSlice } from "../../packages/jaxscale/src/primitives/dynamic-slice.ts";
import { dynamicUpdateSlice } from "../../packages/jaxscale/src/primitives/dynamic-update-slice.ts";
import { gather } from "../../packages/jaxscale/src/primitives/gather.ts";
import * as scatters from "../../packages/jaxscale/src/primitives/scatter.ts";
import type { ScatterParams } from "../../packages/jaxscale/src/primitives/scatter-dimensions.ts";
import type { GatherScatterMode } from "../../packages/jaxscale/src/primitives/window-map.ts";
import { difference } from "../conformance/compare.ts";
import { type Case, type Family, readFamily } from "../conformance/fixtures.ts";
import { operandsOf } from "./elementwise-cases.ts";

const family = readFamily("indexing") as Family;
const { cases, tensor } = family;

const modes: Readonly<Record<string, GatherScatterMode>> = {
  clip: "CLIP",
  fill: "FILL_OR_DROP",
  drop: "FILL_OR_DROP",
  promise_in_bounds: "PROMISE_IN_BOUNDS",
};

/** What the API does before: a negative index counts from the end. */
const wrapped = (index: HostTensor, sizeOf: (i: number) => number): HostTensor => ({
  ...index,
  values: index.values.map((x, i) => (x < 0 ? x + sizeOf(i) : x)),
});

const scatterOf: Readonly<Record<string, typeof scatters.scatter>> = {
  "lax.scatter_add": scatters.scatterAdd,
  "lax.scatter_mul": scatters.scatterMul,
  "lax.scatter_min": scatters.scatterMin,
  "lax.scatter_max": scatters.scatterMax,
  "jnp.at.set": scatters.scatter,
  "jnp.at.add": scatters.scatterAdd,
  "jnp.at.multiply": scatters.scatterMul,
  "jnp.at.min": scatters.scatterMin,
  "jnp.at.max": scatters.scatterMax,
};

function run(golden: Case): HostTensor | undefined {
  const { op, params } = golden;
  const inputs = operandsOf(family, golden);
  const [x] = inputs;
  const list = (name: string) => (params[name] ?? []) as number[];
  const flags = { indicesAreSorted: false, uniqueIndices: false };
  const mode = modes[String(params.mode ?? "fill")];
  if (op === "lax.dynamic_slice") {
    const starts = inputs.slice(1).map((start, axis) => wrapped(start, () => x.shape[axis]));
    return dynamicSlice.reference([x, ...starts], { sliceSizes: list("slice_sizes") })[0];
  }
  if (op === "lax.dynamic_update_slice") {
    const starts = inputs.slice(2).map((start, axis) => wrapped(start, () => x.shape[axis]));
    return dynamicUpdateSlice.reference([x, inputs[1], ...starts], {})[0];
  }
  if (op === "lax.gather") {
    const dimensionNumbers = {
      offsetDims: list("offset_dims"),
      collapsedSliceDims: list("collapsed_slice_dims"),
      startIndexMap: list("start_index_map"),
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    };
    const sliceSizes = list("slice_sizes");
    return gather.reference(inputs, { dimensionNumbers, sliceSizes, mode, fillValue: null, ...flags })[0];
  }
  if (op === "jnp.take" && params.axis === 0 && x.shape.length > 0 && x.shape[0] > 0 && params.mode !== "wrap") {
    const ids = mode === "CLIP" ? inputs[1] : wrapped(inputs[1], () => x.shape[0]);
    const rows = hostTensor([...ids.shape, 1], ids.dtype, ids.values);
    const dimensionNumbers = {
      offsetDims: x.shape.slice(1).map((_, i) => ids.shape.length + i),
      collapsedSliceDims: [0],
      startIndexMap: [0],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
    };
    const fillValue = (params.fill_value ?? null) as number | null;
    return gather.reference([x, rows], {
      dimensionNumbers,
      sliceSizes: [1, ...x.shape.slice(1)],
      mode,
      fillValue,
      ...flags,
    })[0];
  }
  if (op === "jnp.take_along_axis" && typeof params.axis === "number") {
    const axis = params.axis < 0 ? params.axis + x.shape.length : params.axis;
    const others = x.shape.map((_, d) => d).filter((d) => d !== axis);
    const ids = wrapped(inputs[1], () => x.shape[axis]);
    const vectors = hostTensor([...ids.shape, 1], ids.dtype, ids.values);
    const dimensionNumbers = {
      offsetDims: [],
      collapsedSliceDims: [axis],
      startIndexMap: [axis],
      operandBatchingDims: others,
      startIndicesBatchingDims: others,
    };
    const sliceSizes = x.shape.map(() => 1);
    return gather.reference([x, vectors], { dimensionNumbers, sliceSizes, mode, fillValue: null, ...flags })[0];
  }
  const scatter = scatterOf[op];
  if (!scatter) return undefined;
  let [, indices, updates] = inputs;
  let dimensionNumbers = {
    updateWindowDims: list("update_window_dims"),
    insertedWindowDims: list("inserted_window_dims"),
    scatterDimsToOperandDims: list("scatter_dims_to_operand_dims"),
    operandBatchingDims: [] as number[],
    scatterIndicesBatchingDims: [] as number[],
  };
  if (op.startsWith("jnp.at.")) {
    // x.at[rows].op(updates), rows a vector
    if (JSON.stringify(params.index) !== '[{"array":0}]') return undefined;
    [, updates, indices] = inputs;
    if (updates.dtype !== x.dtype || updates.shape.length !== x.shape.length) return undefined;
    indices = wrapped(hostTensor([...indices.shape, 1], indices.dtype, indices.values), () => x.shape[0]);
    dimensionNumbers = {
      ...dimensionNumbers,
      updateWindowDims: x.shape.slice(1).map((_, i) => i + 1),
      insertedWindowDims: [0],
      scatterDimsToOperandDims: [0],
    };
  }
  const scatterParams: ScatterParams = { dimensionNumbers, mode, ...flags };
  const avals = [x, indices, updates].map((t) => shapedArray(t.shape, t.dtype));
  assert.equal(scatter.abstractEval(avals, scatterParams), [avals[0]]);
  const [result] = scatter.reference([x, indices, updates], scatterParams);
  return { ...result, values: result.values.map((v) => roundTo(x.dtype, v)) };
}

let ran = 0;
for (const golden of cases) {
  if (golden.tags?.includes("implementation-defined")) continue;
  const got = run(golden);
  if (!got) continue;
  ran++;
  test(`${golden.name} is as in JAX`, () => {
    assert.is(difference(got, tensor(golden.outputs[0]), golden), undefined);
  });
}

test("every lax.dynamic_slice, dynamic_update_slice, gather and scatter case ran", () => {
  assert.ok(ran >= 26 + 27 + 3 + 8, `${ran} cases ran`);
});

test.run();
