import { broadcastInDim } from "../../../packages/jaxscale/src/primitives/broadcast.ts";
import { concatenate } from "../../../packages/jaxscale/src/primitives/concatenate.ts";
import { iota } from "../../../packages/jaxscale/src/primitives/creation.ts";
import { pad } from "../../../packages/jaxscale/src/primitives/pad.ts";
import { reshape, rev, squeeze, transpose } from "../../../packages/jaxscale/src/primitives/shape.ts";
import { slice, split } from "../../../packages/jaxscale/src/primitives/slice.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

const x = scattered("float32", [4, 6, 2]);
const bytes = scattered("int8", [4, 6]);
const one = (primitive: Sample["primitive"], params: Sample["params"], input = x): Sample => ({
  primitive,
  inputs: [input],
  params,
});

const reshapes = [
  { from: [32], to: [2, 16] },
  { from: [4, 6, 2], to: [24, 2] },
  { from: [4, 6], to: [8, 3] },
  { from: [4, 6, 5], to: [6, 4, 5] },
  { from: [2, 3, 4], to: [4, 3, 2] },
  { from: [1, 6, 1], to: [3, 1, 2] },
  { from: [6, 10, 4], to: [3, 4, 20] },
  { from: [0, 4], to: [2, 0, 3] },
  { from: [1], to: [] },
];

const zero = tensor("float32", [], [9]);
const padding = (...paddingConfig: number[][]): Sample => ({
  primitive: pad,
  inputs: [x, zero],
  params: { paddingConfig },
});

export const samples: Sample[] = [
  ...reshapes.map(({ from, to }) => one(reshape, { newSizes: to }, scattered("float32", from))),
  one(transpose, { permutation: [2, 0, 1] }),
  one(transpose, { permutation: [1, 0] }, bytes),
  one(transpose, { permutation: [] }, scattered("float32", [])),
  one(broadcastInDim, { shape: [3, 4, 6, 2], broadcastDimensions: [1, 2, 3] }),
  one(broadcastInDim, { shape: [4, 6, 8], broadcastDimensions: [0, 2] }, scattered("float32", [4, 1])),
  one(broadcastInDim, { shape: [2, 4], broadcastDimensions: [] }, tensor("float32", [], [5])),
  one(squeeze, { dimensions: [0, 2] }, scattered("uint8", [1, 4, 1, 6])),
  one(rev, { dimensions: [1] }),
  one(rev, { dimensions: [] }),
  one(slice, { startIndices: [0, 1, 0], limitIndices: [4, 6, 2], strides: [1, 2, 1] }),
  one(slice, { startIndices: [0, 1, 0], limitIndices: [2, 1, 2], strides: null }),
  one(split, { axis: 1, sizes: [1, 3, 0, 2] }),
  padding([0, 0, 0], [2, -1, 1], [0, 0, 0]),
  padding([-1, 2, 0], [0, 0, 0], [1, 1, 2]),
  padding([-3, 1, 2], [-4, -1, 1], [0, 0, 0]),
  {
    primitive: pad,
    inputs: [scattered("bool", [0, 2]), tensor("bool", [], [1])],
    params: {
      paddingConfig: [
        [1, 2, 3],
        [0, 0, 0],
      ],
    },
  },
  {
    primitive: concatenate,
    inputs: [bytes, scattered("int8", [1, 6], 2), scattered("int8", [3, 6], 3)],
    params: { dimension: 0 },
  },
  {
    primitive: concatenate,
    inputs: [x, scattered("float32", [4, 0, 2]), scattered("float32", [4, 1, 2], 5)],
    params: { dimension: 1 },
  },
  { primitive: concatenate, inputs: [x], params: { dimension: 2 } },
  { primitive: iota, inputs: [], params: { dtype: "int32", shape: [4, 6], dimension: 1 } },
  { primitive: iota, inputs: [], params: { dtype: "uint32", shape: [8], dimension: 0 } },
  { primitive: iota, inputs: [], params: { dtype: "bfloat16", shape: [300, 2], dimension: 0 } },
  { primitive: iota, inputs: [], params: { dtype: "uint8", shape: [2, 300], dimension: 1 } },
];
