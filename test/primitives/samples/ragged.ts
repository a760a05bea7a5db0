import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../../packages/jaxscale/src/base/tensor-data.ts";
import { type RaggedDotParams, raggedDotGeneral } from "../../../packages/jaxscale/src/primitives/ragged-dot.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

const rows: RaggedDotParams = {
  dotDimensionNumbers: [
    [[1], [1]],
    [[], []],
  ],
  lhsRaggedDimensions: [0],
  rhsGroupDimensions: [0],
  preferredElementType: null,
};
const sizes = (shape: number[], values: number[]): HostTensor => tensor("int32", shape, values);

function ragged(
  lhs: number[],
  rhs: number[],
  groups: HostTensor,
  params: Partial<RaggedDotParams> = {},
  dtype: DType = "float32",
): Sample {
  return {
    primitive: raggedDotGeneral,
    inputs: [scattered(dtype, lhs), scattered(dtype, rhs, 2), groups],
    params: { ...rows, ...params },
  };
}

export const samples: Sample[] = [
  ragged([6, 4], [3, 4, 2], sizes([3], [2, 0, 4])),
  ragged([6, 4], [3, 4, 2], sizes([3], [1, 2, 1]), {}, "bfloat16"),
  ragged([6, 4], [2, 4, 2], sizes([2], [5, 9]), { preferredElementType: "float32" }, "bfloat16"),
  ragged([4, 6], [3, 4, 2], sizes([3], [2, 0, 4]), {
    dotDimensionNumbers: [
      [[0], [1]],
      [[], []],
    ],
    lhsRaggedDimensions: [1],
  }),
  ragged([2, 6, 4], [4, 2, 3, 5], sizes([3], [2, 1, 2]), {
    dotDimensionNumbers: [
      [[2], [0]],
      [[0], [1]],
    ],
    lhsRaggedDimensions: [1],
    rhsGroupDimensions: [2],
  }),
  ragged([2, 6, 4], [2, 3, 4, 2], sizes([2, 3], [2, 0, 4, 1, 1, 1]), {
    dotDimensionNumbers: [
      [[2], [2]],
      [[0], [0]],
    ],
    lhsRaggedDimensions: [1],
    rhsGroupDimensions: [1],
  }),
  ragged([6, 4], [6, 2], sizes([3], [2, 0, 3]), {
    dotDimensionNumbers: [
      [[0], [0]],
      [[], []],
    ],
    rhsGroupDimensions: [],
  }),
  ragged([2, 6, 4], [6, 2, 3], sizes([2, 2], [2, 3, 6, 1]), {
    dotDimensionNumbers: [
      [[1], [0]],
      [[0], [1]],
    ],
    lhsRaggedDimensions: [1],
    rhsGroupDimensions: [],
  }),
  ragged([6, 4], [3, 4, 2], sizes([3], [2, 1, 3]), {}, "int32"),
  ragged([0, 4], [3, 4, 2], sizes([3], [2, 0, 4])),
  ragged([6, 4], [0, 4, 2], sizes([0], [])),
];
