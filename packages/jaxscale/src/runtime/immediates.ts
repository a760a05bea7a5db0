/** The small values of dispatches, as words for `setImmediates` or in a uniform buffer where a device has none. */
import { invariant } from "../base/errors.ts";
import type { Kernel } from "../kernel/ir.ts";

export function encodeImmediates({ immediates, name }: Kernel, values: readonly number[]): Uint32Array<ArrayBuffer> {
  invariant(values.length === immediates.length, `kernel ${name} takes ${immediates.length} immediates`);
  const view = new DataView(new ArrayBuffer(4 * values.length));
  immediates.forEach(({ type }, i) => {
    if (type === "f32") view.setFloat32(4 * i, values[i], true);
    else view.setUint32(4 * i, values[i] >>> 0, true);
  });
  return new Uint32Array(view.buffer);
}

/** One uniform buffer that holds the values of every dispatch of an executable, a range each. */
export function uniformImmediates(
  device: GPUDevice,
  values: readonly Uint32Array<ArrayBuffer>[],
): { readonly buffer: GPUBuffer; readonly ranges: readonly { readonly offset: number; readonly size: number }[] } {
  const alignment = device.limits.minUniformBufferOffsetAlignment;
  let end = 0;
  const ranges = values.map((words) => {
    const offset = Math.ceil(end / alignment) * alignment;
    // WGSL rounds the size of a uniform struct up to 16 bytes.
    const size = Math.max(16, Math.ceil(words.byteLength / 16) * 16);
    end = offset + size;
    return { offset, size };
  });
  const { UNIFORM, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: Math.max(16, end), usage: UNIFORM | COPY_DST, label: "immediates" });
  values.forEach((words, i) => {
    if (words.length > 0) device.queue.writeBuffer(buffer, ranges[i].offset, words);
  });
  return { buffer, ranges };
}
