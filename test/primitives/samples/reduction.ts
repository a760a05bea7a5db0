import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { type Sample, scattered, tensor } from "../sample.ts";

const NaN = Number.NaN;
const inf = Number.POSITIVE_INFINITY;
const edges = tensor("float32", [4, 4], [1, NaN, 3, NaN, -0, 0, -inf, inf, -inf, -inf, -inf, -inf, 2, 2, -5, -5]);
const numbers: DType[] = ["float32", "bfloat16", "int32", "uint32", "int8", "uint8"];

const reduce = (primitive: string, axes: number[], input = scattered("float32", [4, 6, 2])): Sample => ({
  primitive,
  inputs: [input],
  params: { axes },
});
const locate = (primitive: string, axis: number, input = scattered("float32", [4, 6, 2]), indexDtype: DType = "int32"): Sample => ({
  primitive,
  inputs: [input],
  params: { axes: [axis], indexDtype },
});
const scan = (primitive: string, axis: number, reverse: boolean, input = scattered("float32", [4, 6, 2])): Sample => ({
  primitive,
  inputs: [input],
  params: { axis, reverse },
});

export const samples: Sample[] = [
  ...["reduce_sum", "reduce_prod", "reduce_max", "reduce_min"].flatMap((name) => [
    reduce(name, [1]),
    reduce(name, [0, 2]),
    reduce(name, []),
    reduce(name, [1], edges),
    reduce(name, [1], scattered("float32", [4, 0])),
    ...numbers.map((dtype) => reduce(name, [0], scattered(dtype, [8, 6]))),
  ]),
  reduce("reduce_max", [1], scattered("bool", [4, 2])),
  reduce("reduce_min", [1], scattered("bool", [4, 2])),
  ...["reduce_and", "reduce_or", "reduce_xor"].flatMap((name) =>
    (["bool", "int32", "uint8"] as const).flatMap((dtype) => [
      reduce(name, [1], scattered(dtype, [4, 2])),
      reduce(name, [1], scattered(dtype, [4, 0])),
    ]),
  ),
  ...["argmax", "argmin"].flatMap((name) => [
    locate(name, 1),
    locate(name, 0, edges, "uint32"),
    locate(name, 1, edges),
    locate(name, 1, scattered("int32", [4, 8])),
    locate(name, 1, scattered("uint8", [4, 8]), "uint8"),
    locate(name, 0, scattered("bool", [4, 8]), "int8"),
    locate(name, 1, tensor("int32", [2, 2], [-(2 ** 31), -(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1])),
    locate(name, 1, tensor("uint32", [2, 2], [0, 0, 2 ** 32 - 1, 2 ** 32 - 1])),
  ]),
  ...["cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"].flatMap((name) => [
    scan(name, 1, false),
    scan(name, 0, true),
    scan(name, 1, false, edges),
    scan(name, 0, true, scattered("bfloat16", [6, 2])),
  ]),
  ...["cumsum", "cumprod", "cummax", "cummin"].flatMap((name) => [
    scan(name, 0, false, scattered("int32", [8, 2])),
    scan(name, 0, false, scattered("uint8", [8, 2])),
  ]),
];
