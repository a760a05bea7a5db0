/** The small values of dispatches: for `setImmediates`, or in uniform buffers where a device has none. */
import { invariant } from "../base/errors.ts";
import type { Kernel } from "../kernel/ir.ts";

/** One value: a constant, or the iteration number of the loop at a depth of nesting. */
type Value = number | { readonly iteration: number };

/** The values of a dispatch; dispatches with equal ones share it. */
export interface Values {
  readonly space: "immediate" | "uniform";
  readonly bytes: ArrayBuffer;
  readonly words: Uint32Array<ArrayBuffer>;
  /** Words that are iteration numbers. */
  readonly iterations: readonly { readonly word: number; readonly depth: number; readonly isFloat: boolean }[];
  /** Where they were last written for a uniform binding, and in which iteration. */
  row: number;
  writtenIn: number;
}

/** Gives equal values of a program one object. */
export class ValueTable {
  readonly #known = new Map<string, Values>();

  valuesOf({ immediates, name }: Kernel, values: readonly Value[], space: Values["space"]): Values {
    invariant(values.length === immediates.length, `kernel ${name} takes ${immediates.length} immediates`);
    const key = `${space} ${immediates.map(({ type }, i) => `${type} ${JSON.stringify(values[i])}`)}`;
    let made = this.#known.get(key);
    if (made === undefined) {
      const bytes = new ArrayBuffer(4 * values.length);
      const view = new DataView(bytes);
      const iterations: Values["iterations"][number][] = [];
      values.forEach((value, word) => {
        const isFloat = immediates[word].type === "f32";
        if (typeof value === "object") iterations.push({ word, depth: value.iteration, isFloat });
        else if (isFloat) view.setFloat32(4 * word, value, true);
        else view.setUint32(4 * word, value >>> 0, true);
      });
      made = { space, bytes, words: new Uint32Array(bytes), iterations, row: 0, writtenIn: -1 };
      this.#known.set(key, made);
    }
    return made;
  }
}

/** Puts the current iterations' numbers into their words. */
export function writeIterations({ bytes, words, iterations }: Values, current: readonly number[]): void {
  for (let i = 0; i < iterations.length; i++) {
    const { word, depth, isFloat } = iterations[i];
    if (isFloat) new Float32Array(bytes)[word] = current[depth];
    else words[word] = current[depth];
  }
}

/** What a uniform binding of them takes: WGSL rounds the size of a uniform struct up to 16 bytes. */
export const uniformBytes = ({ bytes }: Values): number => Math.max(16, Math.ceil(bytes.byteLength / 16) * 16);

/** One uniform buffer with values that never change, and the offset of each. */
export function uniformConstants(
  device: GPUDevice,
  constants: ReadonlySet<Values>,
): { readonly buffer: GPUBuffer; readonly offsets: ReadonlyMap<Values, number> } {
  const alignment = device.limits.minUniformBufferOffsetAlignment;
  const offsets = new Map<Values, number>();
  let end = 0;
  for (const values of constants) {
    const offset = Math.ceil(end / alignment) * alignment;
    offsets.set(values, offset);
    end = offset + uniformBytes(values);
  }
  const { UNIFORM, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: Math.max(16, end), usage: UNIFORM | COPY_DST, label: "immediates" });
  for (const [{ words }, offset] of offsets) device.queue.writeBuffer(buffer, offset, words);
  return { buffer, offsets };
}

const rowsKept = 1024;

/** Values of the iterations in one submit, for devices without immediates: rows of a uniform buffer, chosen by dynamic offset. */
export class TurnRows {
  readonly buffer: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #strideBytes: number;
  readonly #words: Uint32Array<ArrayBuffer>;
  #used = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#strideBytes = device.limits.minUniformBufferOffsetAlignment;
    this.#words = new Uint32Array((rowsKept * this.#strideBytes) / 4);
    const { UNIFORM, COPY_DST } = GPUBufferUsage;
    this.buffer = device.createBuffer({ size: this.#words.byteLength, usage: UNIFORM | COPY_DST, label: "iterations" });
  }

  get full(): boolean {
    return this.#used === rowsKept;
  }

  /** The offset in bytes at which the device will see them. */
  add({ words }: Values): number {
    const offset = this.#used++ * this.#strideBytes;
    this.#words.set(words, offset / 4);
    return offset;
  }

  /** Behind this the submit that uses the rows may follow, and new rows may be begun. */
  upload(): void {
    if (this.#used === 0) return;
    this.#device.queue.writeBuffer(this.buffer, 0, this.#words, 0, (this.#used * this.#strideBytes) / 4);
    this.#used = 0;
  }
}
