import { randomBits, randomFoldIn, randomSeed, randomSplit } from "../../../packages/jaxscale/src/primitives/random.ts";
import { type Sample, tensor } from "./sample.ts";

const key = tensor("uint32", [2], [12345, 678]);
const keys = tensor("uint32", [2, 3, 2], [0, 1, 2, 3, 4, 5, 4294967295, 7, 8, 9, 10, 2147483648]);

export const samples: Sample[] = [
  { primitive: randomBits, inputs: [key], params: { bitWidth: 32, shape: [] } },
  { primitive: randomBits, inputs: [key], params: { bitWidth: 16, shape: [4, 6] } },
  { primitive: randomBits, inputs: [keys], params: { bitWidth: 8, shape: [6] } },
  { primitive: randomBits, inputs: [keys], params: { bitWidth: 32, shape: [2, 2] } },
  {
    primitive: randomBits,
    inputs: [key, tensor("int32", [2], [1, 2])],
    params: { bitWidth: 16, shape: [2, 3], within: [4, 6] },
  },
  {
    primitive: randomBits,
    inputs: [keys, tensor("int32", [2, 3, 1], [0, 1, 2, 3, 0, 3])],
    params: { bitWidth: 32, shape: [4], within: [7] },
  },
  { primitive: randomSplit, inputs: [key], params: { shape: [4] } },
  { primitive: randomSplit, inputs: [keys], params: { shape: [2, 2] } },
  { primitive: randomFoldIn, inputs: [key, tensor("uint32", [], [7])], params: {} },
  { primitive: randomFoldIn, inputs: [keys, tensor("uint32", [2, 3], [1, 2, 3, 4, 5, 6])], params: {} },
  { primitive: randomSeed, inputs: [tensor("int32", [], [-1])], params: {} },
  { primitive: randomSeed, inputs: [tensor("uint32", [4], [0, 1, 2, 4294967295])], params: {} },
];
