/** Values as JavaScript holds them. */
import type { DType } from "./dtypes.ts";
import type { HostTensor } from "./tensor-data.ts";

export type TypedArray = Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

const constructors: Record<DType, new (values: ArrayLike<number>) => TypedArray> = {
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

export function typedArrayOf({ dtype, values }: HostTensor): TypedArray {
  const constructor = constructors[dtype];
  return values instanceof constructor ? values : new constructor(values);
}

export type NestedList = number | boolean | NestedList[];

export function nestedList({ shape, dtype, values }: HostTensor): NestedList {
  const at = (axis: number, offset: number, stride: number): NestedList => {
    if (axis === shape.length) return dtype === "bool" ? values[offset] !== 0 : values[offset];
    const inner = stride / Math.max(1, shape[axis]);
    return globalThis.Array.from({ length: shape[axis] }, (_, i) => at(axis + 1, offset + i * inner, inner));
  };
  return at(0, 0, values.length);
}
