// Formulas are traced with scalars of a backend.
import "../../api/host-backend.ts";
import { attentionFormula } from "../../../packages/jaxscale/src/api/nn/attention-formula.ts";
import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../../packages/jaxscale/src/base/tensor-data.ts";
import { type AttentionParams, dotProductAttention } from "../../../packages/jaxscale/src/primitives/attention.ts";
import type { AttentionOperand } from "../../../packages/jaxscale/src/primitives/primitive.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

type Others = Readonly<Partial<Record<AttentionOperand, HostTensor>>>;

/** @param sizes B, T, S, N, K, H, V */
function attention(
  [b, t, s, n, k, h, v]: readonly number[],
  others: Others = {},
  params: Partial<AttentionParams> = {},
  dtype: DType = "float32",
): Sample {
  const optional = Object.keys(others) as AttentionOperand[];
  return {
    primitive: dotProductAttention,
    inputs: [
      scattered(dtype, [b, t, n, h]),
      scattered(dtype, [b, s, k, h], 2),
      scattered(dtype, [b, s, k, v], 3),
      ...Object.values(others),
    ],
    params: { optional, scale: 0.5, isCausal: false, window: null, formula: attentionFormula, ...params },
  };
}
const lengths = (...values: number[]): HostTensor => tensor("int32", [values.length], values);

export const samples: Sample[] = [
  attention([2, 4, 6, 4, 2, 4, 6]),
  attention([2, 4, 4, 4, 4, 3, 2], {}, { isCausal: true }, "bfloat16"),
  attention([2, 2, 6, 4, 2, 4, 4], { bias: scattered("float32", [2, 4, 2, 6], 5) }),
  attention([2, 2, 6, 4, 2, 4, 4], {
    bias: scattered("float32", [1, 4, 2, 6], 5),
    mask: scattered("bool", [2, 1, 1, 6], 7),
  }),
  attention([2, 4, 6, 2, 1, 4, 4], { queryLengths: lengths(4, 2), keyLengths: lengths(0, 5) }),
  attention([2, 2, 6, 4, 2, 4, 4], { keyLengths: lengths(3, 6), queryOffset: lengths(1, 4) }, { isCausal: true }),
  attention([1, 4, 6, 2, 2, 4, 4], { queryOffset: tensor("int32", [], [2]) }, { window: [1, 2] }),
];
