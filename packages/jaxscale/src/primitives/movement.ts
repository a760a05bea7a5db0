/** Ops that only move elements, by a rule an axis: written once, read by both the reference and the kernel. */
import { forEachIndex, type Shape, sizeOf, stridesOf } from "../base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { type Params, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import type { MapLowering, PrimitiveDefinition } from "./primitive.ts";

/** An operand's coordinate as `scale · (the result's coordinate on axis) + offset`. */
export interface AxisSource {
  readonly axis: number;
  readonly scale: number;
  readonly offset: number;
}

export const along = (axis: number, scale = 1, offset = 0): AxisSource => ({ axis, scale, offset });
/** Always element 0: the operand's axis has size 1. */
export const origin: AxisSource = { axis: 0, scale: 0, offset: 0 };

export interface AxisMovement<P> {
  /** Shapes of the results. @throws ShapeError */
  readonly shapes: (operand: ShapedArray, params: P) => readonly Shape[];
  /** For result `output`, where each axis of the operand comes from. */
  readonly sources: (operand: Shape, params: P, output: number) => readonly AxisSource[];
}

type Movement<P extends Params> = Pick<
  PrimitiveDefinition<P>,
  "abstractEval" | "reference" | "lowering" | "exact" | "identity"
>;

/** Rules of an op with one operand whose elements move by `sources`. */
export function axisMovement<P extends Params>({ shapes, sources }: AxisMovement<P>): Movement<P> {
  return {
    exact: true,
    identity: ({ inputs: [x], params }) =>
      sources(x.shape, params, 0).every(
        (s, axis) => x.shape[axis] === 1 || (s.axis === axis && s.scale === 1 && s.offset === 0),
      ),
    abstractEval: ([x], params) => shapes(x, params).map((shape) => shapedArray(shape, x.dtype, x.weakType)),
    reference: ([x], params) =>
      shapes(shapedArray(x.shape, x.dtype), params).map((shape, output) => {
        const axes = sources(x.shape, params, output);
        return rearrange(x, shape, (index) =>
          axes.map((s) => (s.scale === 0 ? 0 : s.scale * index[s.axis] + s.offset)),
        );
      }),
    lowering: moves((k, index, { inputs: [x], params }, output) =>
      Index.fromCoords(
        k,
        x.shape,
        sources(x.shape, params, output).map((s) => source(k, index, s)),
      ),
    ),
  };
}

const source = (k: KernelBuilder, index: Index, { axis, scale, offset }: AxisSource): Value =>
  scale === 0 ? k.i32(0) : k.add(k.mul(index.coords[axis], k.i32(scale)), k.i32(offset));

/** A lowering that reads operand 0 at another place. */
export const moves = <P>(
  place: (k: KernelBuilder, index: Index, context: Parameters<MapLowering<P>["element"]>[3], output: number) => Index,
): MapLowering<P> => ({
  kind: "map",
  movement: true,
  element: (k, index, read, context, output) => read(0, place(k, index, context, output)),
});

/** The tensor whose element at `index` is the operand's at `from(index)`. */
export function rearrange(
  x: HostTensor,
  shape: Shape,
  from: (index: readonly number[]) => readonly number[],
): HostTensor {
  const values = allocateValues(x.dtype, sizeOf(shape));
  const strides = stridesOf(x.shape);
  forEachIndex(shape, (index, linear) => {
    values[linear] = x.values[from(index).reduce((sum, c, axis) => sum + c * strides[axis], 0)];
  });
  return hostTensor(shape, x.dtype, values);
}
