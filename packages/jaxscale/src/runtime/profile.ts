/** Times of dispatches, by timestamp queries around a pass each. */
import { DeviceError } from "../base/errors.ts";
import type { KernelOrigin } from "../kernel/program.ts";
import type { Device } from "./device.ts";
import type { DispatchRecorder } from "./encode-steps.ts";
import { keepAlive } from "./keep-alive.ts";
import type { DispatchStep } from "./planned-step.ts";

/** One dispatch of a kernel. */
export interface KernelTiming {
  readonly program: string;
  readonly kernel: string;
  readonly origin: KernelOrigin;
  readonly elapsedMs: number;
  /** Since the first dispatch of the profile. */
  readonly startMs: number;
  readonly workgroups: readonly [number, number, number];
}

// WebGPU's limit on the queries of a set.
const queriesPerSet = 4096;

export class ProfileRecorder implements DispatchRecorder {
  readonly #device: Device;
  readonly #sets: GPUQuerySet[] = [];
  readonly #dispatches: { readonly program: string; readonly step: DispatchStep }[] = [];

  constructor(device: Device) {
    if (!device.target.features.timestamps)
      throw new DeviceError(`profile: the device must have timestamp queries; got ${device.found.name}`);
    this.#device = device;
  }

  begin(encoder: GPUCommandEncoder, program: string, step: DispatchStep): GPUComputePassEncoder {
    const query = (2 * this.#dispatches.length) % queriesPerSet;
    if (query === 0) this.#sets.push(this.#device.gpu.createQuerySet({ type: "timestamp", count: queriesPerSet }));
    this.#dispatches.push({ program, step });
    return encoder.beginComputePass({
      label: step.kernel,
      timestampWrites: {
        querySet: this.#sets[this.#sets.length - 1],
        beginningOfPassWriteIndex: query,
        endOfPassWriteIndex: query + 1,
      },
    });
  }

  /** Waits for the recorded work and reads its times, in order of submission. */
  async finish(): Promise<KernelTiming[]> {
    const times: bigint[] = [];
    for (const [i, set] of this.#sets.entries()) {
      const count = Math.min(queriesPerSet, 2 * this.#dispatches.length - i * queriesPerSet);
      times.push(...(await this.#resolve(set, count)));
      set.destroy();
    }
    return this.#dispatches.map(({ program, step: { kernel, origin, x, y, z } }, i) => ({
      program,
      kernel,
      origin,
      elapsedMs: Math.max(0, Number(times[2 * i + 1] - times[2 * i]) / 1e6),
      startMs: Number(times[2 * i] - times[0]) / 1e6,
      workgroups: [x, y, z],
    }));
  }

  async #resolve(set: GPUQuerySet, count: number): Promise<BigUint64Array> {
    const { gpu, commands } = this.#device;
    commands.flush();
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = gpu.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = gpu.createBuffer({ size: 8 * count, usage: COPY_DST | MAP_READ });
    const encoder = gpu.createCommandEncoder();
    encoder.resolveQuerySet(set, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    gpu.queue.submit([encoder.finish()]);
    try {
      await keepAlive(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      throw this.#device.lost ?? new DeviceError(`profile: the device must answer; got ${String(error)}`);
    }
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    resolved.destroy();
    return times;
  }
}
