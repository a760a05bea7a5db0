import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { argmax, argmin } from "../../../packages/jaxscale/src/primitives/arg-reduction.ts";
import { cumlogsumexp, cummax, cummin, cumprod, cumsum } from "../../../packages/jaxscale/src/primitives/cumulative.ts";
import {
  reduceAnd,
  reduceMax,
  reduceMin,
  reduceOr,
  reduceProd,
  reduceSum,
  reduceXor,
} from "../../../packages/jaxscale/src/primitives/reduction.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

const NaN = Number.NaN;
const inf = Number.POSITIVE_INFINITY;
const edges = tensor("float32", [4, 4], [1, NaN, 3, NaN, -0, 0, -inf, inf, -inf, -inf, -inf, -inf, 2, 2, -5, -5]);
const numbers: DType[] = ["float32", "bfloat16", "int32", "uint32", "int8", "uint8"];

const reduce = (primitive: Sample["primitive"], axes: number[], input = scattered("float32", [4, 6, 2])): Sample => ({
  primitive,
  inputs: [input],
  params: { axes },
});
const locate = (
  primitive: Sample["primitive"],
  axis: number,
  input = scattered("float32", [4, 6, 2]),
  indexDtype: DType = "int32",
): Sample => ({
  primitive,
  inputs: [input],
  params: { axes: [axis], indexDtype },
});
const scan = (
  primitive: Sample["primitive"],
  axis: number,
  reverse: boolean,
  input = scattered("float32", [4, 6, 2]),
): Sample => ({
  primitive,
  inputs: [input],
  params: { axis, reverse },
});

export const samples: Sample[] = [
  ...[reduceSum, reduceProd, reduceMax, reduceMin].flatMap((op) => [
    reduce(op, [1]),
    reduce(op, [0, 2]),
    reduce(op, []),
    reduce(op, [1], edges),
    reduce(op, [1], scattered("float32", [4, 0])),
    ...numbers.map((dtype) => reduce(op, [0], scattered(dtype, [8, 6]))),
  ]),
  reduce(reduceMax, [1], scattered("bool", [4, 2])),
  reduce(reduceMin, [1], scattered("bool", [4, 2])),
  ...[reduceAnd, reduceOr, reduceXor].flatMap((op) =>
    (["bool", "int32", "uint8"] as const).flatMap((dtype) => [
      reduce(op, [1], scattered(dtype, [4, 2])),
      reduce(op, [1], scattered(dtype, [4, 0])),
    ]),
  ),
  ...[argmax, argmin].flatMap((op) => [
    locate(op, 1),
    locate(op, 0, edges, "uint32"),
    locate(op, 1, edges),
    locate(op, 1, scattered("int32", [4, 8])),
    locate(op, 1, scattered("uint8", [4, 8]), "uint8"),
    locate(op, 0, scattered("bool", [4, 8]), "int8"),
    locate(op, 1, tensor("int32", [2, 2], [-(2 ** 31), -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1])),
    locate(op, 1, tensor("uint32", [2, 2], [0, 0, 2 ** 32 - 1, 2 ** 32 - 1])),
  ]),
  ...[cumsum, cumprod, cummax, cummin, cumlogsumexp].flatMap((op) => [
    scan(op, 1, false),
    scan(op, 0, true),
    scan(op, 1, false, edges),
    scan(op, 0, true, scattered("bfloat16", [6, 2])),
  ]),
  ...[cumsum, cumprod, cummax, cummin].flatMap((op) => [
    scan(op, 0, false, scattered("int32", [8, 2])),
    scan(op, 0, false, scattered("uint8", [8, 2])),
  ]),
];
