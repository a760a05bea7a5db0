import { sort } from "../../../packages/jaxscale/src/primitives/sort.ts";
import { topK } from "../../../packages/jaxscale/src/primitives/top-k.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

const sorted = (inputs: Sample["inputs"], dimension: number, numKeys = 1): Sample => ({
  primitive: sort,
  inputs,
  params: { dimension, isStable: true, numKeys },
});
const special = tensor("float32", [10], [1, Number.NaN, -0, 0, -1, Infinity, -Infinity, 0, -0, Number.NaN]);

export const samples: Sample[] = [
  sorted([special], 0),
  sorted([scattered("float32", [4, 6])], 1),
  sorted([scattered("bfloat16", [4, 6, 2]), scattered("int32", [4, 6, 2], 3)], 1),
  sorted([scattered("int8", [6, 4]), scattered("bool", [6, 4], 2), scattered("uint8", [6, 4], 5)], 0, 2),
  sorted([scattered("float16", [0, 3])], 0),
  { primitive: topK, inputs: [special], params: { axis: 0, k: 5 } },
  { primitive: topK, inputs: [scattered("float32", [4, 6])], params: { axis: 1, k: 2 } },
  { primitive: topK, inputs: [scattered("int8", [4, 6, 2])], params: { axis: 0, k: 4 } },
  { primitive: topK, inputs: [scattered("uint8", [4, 6])], params: { axis: 1, k: 0 } },
];
