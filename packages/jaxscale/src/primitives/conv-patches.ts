/** conv_patches: what a convolution multiplies its kernel with, as an array that is never stored. */
import { computeType } from "../base/dtypes.ts";
import { forEachIndex, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, hostTensor } from "../base/tensor-data.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import type { ConvParams, ConvSizes } from "./convolution-shape.ts";
import { newFactors } from "./factors.ts";
import { definePrimitive } from "./primitive.ts";

export type PatchesParams = Pick<
  ConvParams,
  "windowStrides" | "padding" | "lhsDilation" | "rhsDilation" | "batchGroupCount"
> & {
  readonly lhsSpec: readonly number[];
  readonly sizes: ConvSizes;
};

const shapeOf = ({ groups, batch, outSpace, window, inFeatures }: ConvSizes): number[] => [
  groups,
  batch,
  ...outSpace,
  ...window,
  inFeatures,
];

/** What of the operand a patch element is: per axis of the operand, by role; and the place along each axis of space, dilated. */
interface Place<N> {
  readonly batch: N;
  readonly feature: N;
  readonly space: readonly N[];
}

/** Elements of the operand under each place of the window, `[group, batch, …space of the result, …window, feature]`; 0 in the padding. */
export const convPatches = definePrimitive<PatchesParams>("conv_patches", {
  exact: true,
  abstractEval: ([x], { sizes }) => [shapedArray(shapeOf(sizes), x.dtype, x.weakType)],
  reference: ([x], params) => {
    const { lhsSpec, lhsDilation, sizes } = params;
    const shape = shapeOf(sizes);
    const values = allocateValues(x.dtype, sizeOf(shape));
    const strides = stridesOf(x.shape);
    forEachIndex(shape, (index, linear) => {
      const { batch, feature, space } = placeOf(
        index,
        params,
        (a, b) => a + b,
        (a, b) => a * b,
      );
      const at = space.map((p, i) => p / lhsDilation[i]);
      if (!at.every((p, i) => Number.isInteger(p) && p >= 0 && p < sizes.space[i])) return;
      const from = [batch, feature, ...at];
      values[linear] = x.values[from.reduce((sum, c, role) => sum + c * strides[lhsSpec[role]], 0)];
    });
    return [hostTensor(shape, x.dtype, values)];
  },
  lowering: {
    kind: "map",
    movement: true,
    element: (k, index, read, { inputs: [x], params }) => {
      const { lhsSpec, lhsDilation, sizes } = params;
      const number = (n: Value | number): Value => (typeof n === "number" ? k.i32(n) : n);
      const { batch, feature, space } = placeOf<Value | number>(
        index.coords,
        params,
        (a, b) => k.add(number(a), number(b)),
        (a, b) => k.mul(number(a), number(b)),
      );
      let inside = k.bool(true);
      const at = space.map((place, i) => {
        const p = number(place);
        const dilation = k.i32(lhsDilation[i]);
        const within = k.div(p, dilation);
        inside = k.and(inside, k.and(k.ge(p, k.i32(0)), k.lt(within, k.i32(sizes.space[i]))));
        if (lhsDilation[i] > 1) inside = k.and(inside, k.eq(k.rem(p, dilation), k.i32(0)));
        return k.clamp(within, k.i32(0), k.i32(Math.max(0, sizes.space[i] - 1)));
      });
      const coords: Value[] = [];
      [number(batch), number(feature), ...at].forEach((c, role) => {
        coords[lhsSpec[role]] = c;
      });
      const value = read(0, Index.fromCoords(k, x.shape, coords));
      return k.select(inside, value, k.constant(computeType(x.dtype), 0));
    },
  },
  // Only made when a convolution, which has its own rule, is lowered.
  sharding: ({ inputs: [x], outputs: [out] }) => {
    const f = newFactors();
    return f.rule([x.shape.map(f.replicated)], [out.shape.map(f.replicated)]);
  },
});

function placeOf<N>(
  index: readonly N[],
  { lhsSpec, windowStrides, rhsDilation, padding, batchGroupCount, sizes }: PatchesParams,
  add: (a: N | number, b: N | number) => N,
  mul: (a: N | number, b: N | number) => N,
): Place<N> {
  const dims = lhsSpec.length - 2;
  const [group, batch] = index;
  const feature = index[index.length - 1];
  const byBatch = batchGroupCount > 1;
  return {
    batch: byBatch ? add(mul(group, sizes.batch), batch) : batch,
    feature: byBatch ? feature : add(mul(group, sizes.inFeatures), feature),
    space: windowStrides.map((stride, i) =>
      add(add(mul(index[2 + i], stride), mul(index[2 + dims + i], rhsDilation[i])), -padding[i][0]),
    ),
  };
}
