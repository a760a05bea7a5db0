import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { shapedArray } from "../../../packages/jaxscale/src/jaxpr/ir.ts";
import { convPatches } from "../../../packages/jaxscale/src/primitives/conv-patches.ts";
import { convGeneralDilated } from "../../../packages/jaxscale/src/primitives/convolution.ts";
import { type ConvParams, convSizes } from "../../../packages/jaxscale/src/primitives/convolution-shape.ts";
import { type Sample, scattered } from "./sample.ts";

const plain = (dims: number): ConvParams => {
  const ones = Array.from({ length: dims }, () => 1);
  const axes = Array.from({ length: dims + 2 }, (_, i) => i);
  return {
    windowStrides: ones,
    padding: ones.map((): [number, number] => [0, 0]),
    lhsDilation: ones,
    rhsDilation: ones,
    dimensionNumbers: { lhsSpec: axes, rhsSpec: axes, outSpec: axes },
    featureGroupCount: 1,
    batchGroupCount: 1,
    preferredElementType: null,
  };
};
/** `NHWC`, `HWIO`, `NHWC` */
const channelsLast = {
  dimensionNumbers: { lhsSpec: [0, 3, 1, 2], rhsSpec: [3, 2, 0, 1], outSpec: [0, 3, 1, 2] },
};

const conv = (lhs: number[], rhs: number[], params: Partial<ConvParams> = {}, dtype: DType = "float32"): Sample => ({
  primitive: convGeneralDilated,
  inputs: [scattered(dtype, lhs), scattered(dtype, rhs, 2)],
  params: { ...plain(lhs.length - 2), ...params },
});

const calls: readonly Sample[] = [
  conv([2, 4, 6], [6, 4, 3]),
  conv([2, 4, 7], [6, 2, 3], { featureGroupCount: 2, padding: [[2, 1]] }, "bfloat16"),
  conv([4, 4, 5], [6, 4, 2], { batchGroupCount: 2, windowStrides: [2] }),
  conv([2, 4, 5, 4], [2, 3, 4, 6], {
    ...channelsLast,
    windowStrides: [1, 2],
    padding: [
      [1, 0],
      [-1, 2],
    ],
    rhsDilation: [2, 1],
  }),
  conv([2, 3, 3, 4], [2, 2, 2, 4], {
    ...channelsLast,
    lhsDilation: [2, 3],
    featureGroupCount: 2,
    padding: [
      [1, 1],
      [0, 2],
    ],
  }),
  conv([2, 4], [6, 4]),
  conv([2, 4, 1], [6, 4, 3]),
  conv([0, 4, 5], [6, 4, 3]),
];

const patchesOf = ({ inputs, params }: Sample): Sample => {
  const whole = params as ConvParams;
  const [lhs, rhs] = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
  const { windowStrides, padding, lhsDilation, rhsDilation, batchGroupCount, dimensionNumbers } = whole;
  const sizes = convSizes(lhs, rhs, whole);
  return {
    primitive: convPatches,
    inputs: [inputs[0]],
    params: {
      windowStrides,
      padding,
      lhsDilation,
      rhsDilation,
      batchGroupCount,
      lhsSpec: dimensionNumbers.lhsSpec,
      sizes,
    },
  };
};

export const samples: Sample[] = [...calls, ...calls.map(patchesOf)];
