/** `bitcast_convert_type`: the same bits under another dtype. */
import { bitsOf, type DType, isNumber } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { hostTensor, packWords, unpackWords } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { decode, encode } from "../kernel/rounding.ts";
import { batched } from "./linear-rules.ts";
import { definePrimitive } from "./primitive.ts";

export type BitcastConvertTypeParams = { readonly newDtype: DType };

/**
 * Reads the operand's bits as another dtype. Between widths a last axis of parts, lowest bits first, comes (to a narrower dtype)
 * or goes (to a wider one).
 * @throws DTypeError for bool; ShapeError if the last axis of a widened operand is not the ratio of the widths
 */
export const bitcastConvertType = definePrimitive<BitcastConvertTypeParams>("bitcast_convert_type", {
  abstractEval: ([x], { newDtype }) => [shapedArray(resultShape(x, newDtype), newDtype)],
  printParams: ({ newDtype }) => ({ new_dtype: newDtype }),
  jvp: () => [null],
  batch: ({ bind1, batchToFront }, [x], [dim], { params, axis }) =>
    batched(bind1("bitcast_convert_type", [batchToFront(x, dim, axis.size)], params), 0),
  reference: ([x], { newDtype }) => {
    const shape = resultShape(shapedArray(x.shape, x.dtype), newDtype);
    return [hostTensor(shape, newDtype, unpackWords(newDtype, packWords(x), sizeOf(shape)))];
  },
  lowering: {
    kind: "map",
    movement: false,
    element: (k, index, read, { inputs: [x], params: { newDtype } }) => {
      const partBits = bitsOf(newDtype);
      const bitsAt = (coords: readonly Value[]): Value =>
        encode(k, x.dtype, read(0, Index.fromCoords(k, x.shape, coords)));
      if (partBits < bitsOf(x.dtype)) {
        const part = k.bitcast("u32", index.coords[x.shape.length]);
        const shifted = k.shr(bitsAt(index.coords.slice(0, -1)), k.mul(part, k.u32(partBits)));
        return decode(k, newDtype, k.and(shifted, k.u32(2 ** partBits - 1)));
      }
      if (partBits === bitsOf(x.dtype)) return decode(k, newDtype, encode(k, x.dtype, read(0, index)));
      const parts = Array.from({ length: partBits / bitsOf(x.dtype) }, (_, i) =>
        k.shl(bitsAt([...index.coords, k.i32(i)]), k.u32(i * bitsOf(x.dtype))),
      );
      return decode(k, newDtype, parts.reduce(k.or));
    },
  },
  sharding: ({ inputs: [x], outputs: [result] }) => {
    const common = Math.min(x.shape.length, result.shape.length);
    const factorsOf = (shape: Shape) => shape.map((_, axis) => [axis < common ? `d${axis}` : "part"]);
    const longer = x.shape.length > common ? x.shape : result.shape;
    return {
      operands: [factorsOf(x.shape)],
      results: [factorsOf(result.shape)],
      factors: Object.fromEntries(
        longer.map((size, axis) =>
          axis < common
            ? [`d${axis}`, { size, kind: "parallel" as const }]
            : ["part", { size, kind: "replicated" as const }],
        ),
      ),
    };
  },
});

function resultShape(x: ShapedArray, newDtype: DType): Shape {
  const ratio = bitsOf(x.dtype) / bitsOf(newDtype);
  if (!isNumber(x.dtype) || !isNumber(newDtype))
    throw new DTypeError(`bitcast_convert_type: bool has no bits of its own; got ${formatAval(x)} to ${newDtype}`);
  if (ratio >= 1) return ratio === 1 ? x.shape : [...x.shape, ratio];
  if (x.shape.at(-1) !== 1 / ratio)
    throw new ShapeError(
      `bitcast_convert_type: to a dtype ${1 / ratio} times as wide, the last axis must have size ${1 / ratio}; got ${formatAval(x)} to ${newDtype}`,
    );
  return x.shape.slice(0, -1);
}
