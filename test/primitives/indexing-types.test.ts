/** Types, errors and printed parameters of slices, gathers and scatters. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type JaxprEqn,
  newLiteral,
  newVar,
  type Params,
  type Primitive,
  shapedArray,
} from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import "../../packages/jaxscale/src/primitives/arithmetic.ts";
import { dynamicSlice } from "../../packages/jaxscale/src/primitives/dynamic-slice.ts";
import { dynamicUpdateSlice } from "../../packages/jaxscale/src/primitives/dynamic-update-slice.ts";
import { type GatherParams, gather } from "../../packages/jaxscale/src/primitives/gather.ts";
import { scatter, scatterAdd, scatterMax } from "../../packages/jaxscale/src/primitives/scatter.ts";
import type { ScatterParams } from "../../packages/jaxscale/src/primitives/scatter-dimensions.ts";

const f32 = (...shape: number[]) => shapedArray(shape, "float32");
const i32 = (...shape: number[]) => shapedArray(shape, "int32");

const takeRows: GatherParams = {
  dimensionNumbers: {
    offsetDims: [1],
    collapsedSliceDims: [0],
    startIndexMap: [0],
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
  },
  sliceSizes: [1, 3],
  mode: "FILL_OR_DROP",
  fillValue: Number.NaN,
  indicesAreSorted: false,
  uniqueIndices: false,
};
const withNumbers = (
  numbers: Partial<GatherParams["dimensionNumbers"]>,
  params: Partial<GatherParams> = {},
): GatherParams => ({
  ...takeRows,
  ...params,
  dimensionNumbers: { ...takeRows.dimensionNumbers, ...numbers },
});
const putRows: ScatterParams = {
  dimensionNumbers: {
    updateWindowDims: [1],
    insertedWindowDims: [0],
    scatterDimsToOperandDims: [0],
    operandBatchingDims: [],
    scatterIndicesBatchingDims: [],
  },
  mode: "FILL_OR_DROP",
  indicesAreSorted: false,
  uniqueIndices: false,
};

test("dynamic_slice keeps dtype and weak type of its operand", () => {
  const weak = shapedArray([4, 3], "float32", true);
  assert.equal(dynamicSlice.abstractEval([weak, i32(), i32()], { sliceSizes: [2, 3] }), [
    shapedArray([2, 3], "float32", true),
  ]);
});

test("dynamic_slice rejects slices that do not fit and starts that are no integer scalars of one type", () => {
  const sizes = (...sliceSizes: number[]) => ({ sliceSizes });
  const two = [i32(), i32()];
  assert.throws(
    () => dynamicSlice.abstractEval([f32(4, 3), ...two], sizes(5, 1)),
    /dynamic_slice: .*float32\[4,3\].*\(5, 1\)/,
  );
  assert.throws(() => dynamicSlice.abstractEval([f32(4, 3), i32()], sizes(1, 1)), /one scalar for each axis/);
  assert.throws(() => dynamicSlice.abstractEval([f32(4, 3), i32(1), i32()], sizes(1, 1)), /one scalar for each axis/);
  assert.throws(
    () => dynamicSlice.abstractEval([f32(4, 3), f32(), i32()], sizes(1, 1)),
    /integers of one type; got float32, float32, int32/,
  );
});

test("dynamic_update_slice is strongly typed with strong starts, as in JAX", () => {
  const weak = (...shape: number[]) => shapedArray(shape, "float32", true);
  assert.equal(dynamicUpdateSlice.abstractEval([weak(4), weak(2), i32()], {}), [f32(4)]);
});

test("dynamic_update_slice rejects an update that is too large or of another dtype", () => {
  assert.throws(
    () => dynamicUpdateSlice.abstractEval([f32(4), f32(5), i32()], {}),
    /no larger axis; got float32\[4\] and float32\[5\]/,
  );
  assert.throws(
    () => dynamicUpdateSlice.abstractEval([f32(4), i32(2), i32()], {}),
    /one dtype; got float32\[4\] and int32\[2\]/,
  );
});

test("gather puts offset axes where offsetDims says and the indices' axes in between", () => {
  assert.equal(gather.abstractEval([f32(4, 3), i32(2, 5, 1)], withNumbers({ offsetDims: [0] })), [f32(3, 2, 5)]);
  assert.equal(gather.abstractEval([f32(4, 3), i32(2, 5, 1)], withNumbers({ offsetDims: [1] })), [f32(2, 3, 5)]);
});

test("gather rejects what JAX rejects", () => {
  const shapeOf = (numbers: Partial<GatherParams["dimensionNumbers"]>, params: Partial<GatherParams> = {}) =>
    gather.abstractEval([f32(4, 3), i32(2, 1)], withNumbers(numbers, params));
  assert.throws(() => shapeOf({}, { sliceSizes: [2, 2] }), /collapsed and batching axes must have slice size 1/);
  assert.throws(() => shapeOf({}, { sliceSizes: [0, 2] }), /collapsed and batching axes must have slice size 1/);
  assert.throws(() => shapeOf({}, { sliceSizes: [1, 2, 3] }), /slice sizes must be one for each axis/);
  assert.throws(() => shapeOf({}, { sliceSizes: [1, 4] }), /none larger than the operand's/);
  assert.throws(() => shapeOf({ startIndexMap: [0, 1] }), /startIndexMap must have one axis for each entry/);
  assert.throws(() => shapeOf({ startIndexMap: [5] }), /startIndexMap must be distinct and in \[0, 2\); got \(5,\)/);
  assert.throws(
    () => shapeOf({ offsetDims: [2] }),
    /offsetDims must be distinct, ascending and in \[0, 2\); got \(2,\)/,
  );
  assert.throws(
    () => shapeOf({ offsetDims: [1, 0], collapsedSliceDims: [] }),
    /offsetDims must be distinct, ascending/,
  );
  assert.throws(() => shapeOf({ collapsedSliceDims: [] }), /offsetDims must have one axis for each axis of a slice/);
  assert.throws(
    () => shapeOf({ operandBatchingDims: [1], startIndicesBatchingDims: [0] }),
    /must pair axes of equal size/,
  );
  assert.throws(() => gather.abstractEval([f32(4, 3), f32(2, 1)], takeRows), /indices must be integers/);
});

test("scatters reject updates that do not fit", () => {
  const indices = i32(2, 1);
  assert.throws(
    () => scatter.abstractEval([f32(4, 3), indices, f32(2, 4)], putRows),
    /windows must not exceed the operand/,
  );
  assert.throws(
    () => scatter.abstractEval([f32(4, 3), indices, f32(3, 3)], putRows),
    /outside their windows must be those of the indices/,
  );
  assert.throws(
    () => scatter.abstractEval([f32(4, 3), indices, i32(2, 3)], putRows),
    /scatter: operand and updates must have one dtype/,
  );
});

test("scatter-add rejects bools; scatter-max takes them", () => {
  const bools = (...shape: number[]) => shapedArray(shape, "bool");
  const inputs = [bools(4, 3), i32(2, 1), bools(2, 3)];
  assert.throws(
    () => scatterAdd.abstractEval(inputs, putRows),
    /scatter-add: operand must be of numbers; got bool\[4,3\]/,
  );
  assert.equal(scatterMax.abstractEval(inputs, putRows), [bools(4, 3)]);
});

// ---- printing ------------------------------------------------------------------------

const fixtures: readonly { readonly name: string; readonly jaxpr: string }[] = JSON.parse(
  readFileSync(new URL("../fixtures/jax/jaxprs.json", import.meta.url)).toString(),
).jaxprs;
/** The application of `name` in a printed jaxpr, without indentation. */
function call(text: string, name: string): string {
  const found = new RegExp(` = (${name}(?:\\[\n[^]*?\n *\\]|\\[[^\n]*\\])? .*)`).exec(text);
  assert.ok(found, `${name} in ${text}`);
  return found[1].replace(/\n */g, "\n");
}
/** The same with variables named x. */
const anonymous = (text: string): string => text.replace(/\b[a-z]\b/g, "x");

function printed<P extends Params>(primitive: Primitive<P>, inputs: JaxprEqn["inputs"], params: P): string {
  const outputs = primitive
    .abstractEval(
      inputs.map((x) => x.aval),
      params,
    )
    .map(newVar);
  const eqn: JaxprEqn = {
    primitive: primitive as unknown as Primitive,
    inputs,
    outputs,
    params,
    source: { scope: "" },
  };
  const invars = inputs.filter((x) => x.kind === "var");
  return printJaxpr({ jaxpr: { constvars: [], invars, eqns: [eqn], outvars: outputs }, consts: [] });
}

const printsAs = (fixture: string, text: string, name: string) =>
  test(`${name} prints as JAX prints it in ${fixture}`, () => {
    const want = fixtures.find((f) => f.name === fixture)?.jaxpr ?? "";
    assert.not.match(want, /^$/);
    assert.is(anonymous(call(text, name)), anonymous(call(want, name)));
  });

const [x, ids, i, zero] = [newVar(f32(4, 3)), newVar(i32(2, 1)), newVar(i32()), newLiteral(0, i32())];
const small = newVar(f32(2, 3));
printsAs("dynamic_slice", printed(dynamicSlice, [small, i, zero], { sliceSizes: [1, 3] }), "dynamic_slice");
printsAs(
  "dynamic_update_slice",
  printed(dynamicUpdateSlice, [small, newVar(f32(1, 3)), i, zero], {}),
  "dynamic_update_slice",
);
printsAs("take", printed(gather, [x, ids], takeRows), "gather");
printsAs(
  "index_array",
  printed(gather, [x, ids], { ...takeRows, mode: "PROMISE_IN_BOUNDS", fillValue: null }),
  "gather",
);
printsAs("at_add", printed(scatterAdd, [x, ids, small], putRows), "scatter-add");
printsAs(
  "at_set_row",
  printed(scatter, [small, newVar(i32(1)), newVar(f32(3))], {
    ...putRows,
    dimensionNumbers: { ...putRows.dimensionNumbers, updateWindowDims: [0] },
    indicesAreSorted: true,
    uniqueIndices: true,
  }),
  "scatter",
);

test.run();
