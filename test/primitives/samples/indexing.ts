/** Small calls of every indexing op, with indices inside, on the edge and outside. */

import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { type Shape, sizeOf } from "../../../packages/jaxscale/src/base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../../../packages/jaxscale/src/base/tensor-data.ts";
import { dynamicSlice } from "../../../packages/jaxscale/src/primitives/dynamic-slice.ts";
import { dynamicUpdateSlice } from "../../../packages/jaxscale/src/primitives/dynamic-update-slice.ts";
import {
  type GatherDimensionNumbers,
  type GatherParams,
  gather,
} from "../../../packages/jaxscale/src/primitives/gather.ts";
import * as scatters from "../../../packages/jaxscale/src/primitives/scatter.ts";
import type {
  ScatterDimensionNumbers,
  ScatterParams,
} from "../../../packages/jaxscale/src/primitives/scatter-dimensions.ts";
import type { Sample } from "./sample.ts";

/** 0.5, −1.5, 2.5, … or 1, −2, 3, …: no two alike, exact in every sum and product here. */
function data(shape: Shape, dtype: DType = "float32", first = 1): HostTensor {
  const values = allocateValues(dtype, sizeOf(shape));
  const half = dtype === "float32" ? 0.5 : 0;
  for (let i = 0; i < values.length; i++) values[i] = (i % 2 ? -1 : 1) * (i + first - half);
  return hostTensor(shape, dtype, values);
}
const ints = (shape: Shape, values: readonly number[], dtype: DType = "int32"): HostTensor => {
  const host = allocateValues(dtype, values.length);
  host.set(values);
  return hostTensor(shape, dtype, host);
};
const starts = (...values: number[]): HostTensor[] => values.map((x) => ints([], [x]));

const flags = { indicesAreSorted: false, uniqueIndices: false };
const gatherParams = (numbers: Partial<GatherDimensionNumbers>, params: Partial<GatherParams>): GatherParams => ({
  dimensionNumbers: {
    offsetDims: [],
    collapsedSliceDims: [],
    startIndexMap: [],
    operandBatchingDims: [],
    startIndicesBatchingDims: [],
    ...numbers,
  },
  sliceSizes: [],
  mode: "FILL_OR_DROP",
  fillValue: null,
  ...flags,
  ...params,
});
const scatterParams = (
  numbers: Partial<ScatterDimensionNumbers>,
  params: Partial<ScatterParams> = {},
): ScatterParams => ({
  dimensionNumbers: {
    updateWindowDims: [],
    insertedWindowDims: [],
    scatterDimsToOperandDims: [],
    operandBatchingDims: [],
    scatterIndicesBatchingDims: [],
    ...numbers,
  },
  mode: "FILL_OR_DROP",
  ...flags,
  ...params,
});

const slices: Sample[] = [
  { primitive: dynamicSlice, inputs: [data([4, 6, 8]), ...starts(1, 5, 3)], params: { sliceSizes: [4, 2, 4] } },
  { primitive: dynamicSlice, inputs: [data([8]), ...starts(-3)], params: { sliceSizes: [4] } },
  {
    primitive: dynamicSlice,
    inputs: [data([8], "int32"), ints([], [2 ** 31 + 5], "uint32")],
    params: { sliceSizes: [4] },
  },
  {
    primitive: dynamicUpdateSlice,
    inputs: [data([4, 6, 8]), data([4, 2, 8], "float32", 500), ...starts(2, 5, 0)],
    params: {},
  },
  { primitive: dynamicUpdateSlice, inputs: [data([6, 4]), data([2, 2], "float32", 500), ...starts(1, 2)], params: {} },
];

const rows = { offsetDims: [1], collapsedSliceDims: [0], startIndexMap: [0] };
const takeAlongAxis = {
  collapsedSliceDims: [0],
  startIndexMap: [0],
  operandBatchingDims: [1],
  startIndicesBatchingDims: [1],
};
const gathers: Sample[] = (["FILL_OR_DROP", "CLIP", "PROMISE_IN_BOUNDS"] as const).flatMap((mode) => [
  {
    primitive: gather,
    inputs: [data([6, 4]), ints([4, 1], [5, 6, -1, 0])],
    params: gatherParams(rows, { sliceSizes: [1, 4], mode }),
  },
  {
    primitive: gather,
    inputs: [data([6, 4], "int32"), ints([2, 2, 2], [1, 2, 5, 1, -1, 0, 4, 3])],
    params: gatherParams({ offsetDims: [0, 3], startIndexMap: [0, 1] }, { sliceSizes: [2, 2], mode }),
  },
  {
    primitive: gather,
    inputs: [data([6, 4]), ints([2, 4, 1], [0, 1, 2, 3, 6, 5, 4, -1])],
    params: gatherParams(takeAlongAxis, { sliceSizes: [1, 1], mode, fillValue: 7 }),
  },
]);

const wholeRows = { updateWindowDims: [1], insertedWindowDims: [0], scatterDimsToOperandDims: [0] };
const windows = { updateWindowDims: [0, 2], scatterDimsToOperandDims: [1, 0] };
const paired = {
  insertedWindowDims: [1],
  scatterDimsToOperandDims: [1],
  operandBatchingDims: [0],
  scatterIndicesBatchingDims: [1],
};
const scatterSamples: Sample[] = [
  scatters.scatter,
  scatters.scatterAdd,
  scatters.scatterSub,
  scatters.scatterMul,
  scatters.scatterMin,
  scatters.scatterMax,
].flatMap((primitive) =>
  (["FILL_OR_DROP", "CLIP"] as const).flatMap((mode) => [
    {
      primitive,
      inputs: [data([6, 4]), ints([4, 1], [2, 6, 2, 0]), data([4, 4], "float32", 3)],
      params: scatterParams(wholeRows, { mode }),
    },
    {
      primitive,
      inputs: [data([6, 4], "int32"), ints([4, 2], [1, 2, 2, 2, -1, 0, 2, 5]), data([2, 4, 2], "int32", 3)],
      params: scatterParams(windows, { mode }),
    },
    {
      primitive,
      inputs: [data([4, 6]), ints([2, 4, 1], [0, 1, 2, 3, 0, -1, 6, 3]), data([2, 4], "float32", 3)],
      params: scatterParams(paired, { mode }),
    },
  ]),
);
const firstColumns: Sample = {
  primitive: scatters.scatter,
  inputs: [data([3, 4]), ints([1], [1]), data([2], "float32", 9)],
  params: scatterParams({ ...wholeRows, updateWindowDims: [0] }, { uniqueIndices: true }),
};

export const samples: Sample[] = [...slices, ...gathers, ...scatterSamples, firstColumns];
