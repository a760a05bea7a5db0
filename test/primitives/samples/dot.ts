import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { dotGeneral } from "../../../packages/jaxscale/src/primitives/dot-general.ts";
import { type Sample, scattered } from "./sample.ts";

type Axes = number[];
const dot = (
  lhs: number[],
  rhs: number[],
  dimensionNumbers: [[Axes, Axes], [Axes, Axes]],
  [left, right, preferredElementType]: [DType, DType, DType | null] = ["float32", "float32", null],
): Sample => ({
  primitive: dotGeneral,
  inputs: [scattered(left, lhs), scattered(right, rhs, 2)],
  params: { dimensionNumbers, preferredElementType },
});
const matmul = (...types: [DType, DType, DType | null]): Sample =>
  dot(
    [4, 8],
    [8, 6],
    [
      [[1], [0]],
      [[], []],
    ],
    types,
  );

export const samples: Sample[] = [
  matmul("float32", "float32", null),
  matmul("bfloat16", "bfloat16", "float32"),
  matmul("bfloat16", "float32", null),
  matmul("int8", "int8", null),
  matmul("int8", "int8", "int32"),
  matmul("uint8", "uint8", "uint32"),
  matmul("int32", "int32", null),
  matmul("bool", "bool", null),
  matmul("int8", "float32", null),
  dot(
    [2, 4, 8],
    [8, 2, 6],
    [
      [[2], [0]],
      [[0], [1]],
    ],
  ),
  dot(
    [2, 3, 4, 6],
    [3, 2, 6, 4],
    [
      [
        [3, 2],
        [2, 3],
      ],
      [
        [0, 1],
        [1, 0],
      ],
    ],
  ),
  dot(
    [4, 6],
    [4, 6],
    [
      [
        [0, 1],
        [0, 1],
      ],
      [[], []],
    ],
  ),
  dot(
    [4],
    [6],
    [
      [[], []],
      [[], []],
    ],
  ),
  dot(
    [4],
    [4],
    [
      [[], []],
      [[0], [0]],
    ],
  ),
  dot(
    [4, 0],
    [0, 6],
    [
      [[1], [0]],
      [[], []],
    ],
  ),
];
