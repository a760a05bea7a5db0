/** Samples of primitives as functions of arrays whose values are on the host. */
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { sizeOf, stridesOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { bind } from "../../packages/jaxscale/src/trace/trace.ts";
import { hostBackend, tensorOf } from "../api/host-backend.ts";
import type { Sample } from "../primitives/samples/sample.ts";

export const arrayOf = (tensor: HostTensor): TracedArray => hostBackend.fromHost(tensor, false);
export const valuesOf = (x: TracedArray): readonly number[] => Array.from(tensorOf(x).values);

/** The sample's op on operands like its own. */
export const apply = ({ primitive, params }: Sample, operands: readonly TracedArray[]): readonly TracedArray[] =>
  bind(primitiveNamed(primitive.name), operands, params);

/** float32 and nothing else that has tangents, so that differences are accurate. */
export const isSingle = ({ inputs }: Sample): boolean =>
  inputs.some(({ dtype }) => dtype === "float32") &&
  inputs.every(({ dtype }) => dtype === "float32" || !isFloat(dtype));

/** Which operands have tangents. */
export const floats = ({ inputs }: Sample): readonly boolean[] => inputs.map(({ dtype }) => isFloat(dtype));

/** `x + h · t`, element by element. */
export function moved(x: HostTensor, t: HostTensor, h: number): HostTensor {
  const out = hostTensor(x.shape, x.dtype);
  for (let i = 0; i < out.values.length; i++) out.values[i] = x.values[i] + h * t.values[i];
  return out;
}

/** Tensors of one shape along a new axis. */
export function stacked(parts: readonly HostTensor[], axis: number): HostTensor {
  const [{ shape, dtype }] = parts;
  const out = hostTensor(shape.toSpliced(axis, 0, parts.length), dtype);
  const inner = axis === 0 ? sizeOf(shape) : stridesOf(shape)[axis - 1];
  parts.forEach(({ values }, p) => {
    for (let i = 0; i < values.length; i++) {
      const outer = Math.floor(i / inner);
      out.values[(outer * parts.length + p) * inner + (i % inner)] = values[i];
    }
  });
  return out;
}

/** The tensor's elements in another order: other values of the same kind. */
export function rolled(x: HostTensor, by: number): HostTensor {
  const out = hostTensor(x.shape, x.dtype);
  for (let i = 0; i < out.values.length; i++) out.values[i] = x.values[(i + by) % out.values.length];
  return out;
}
