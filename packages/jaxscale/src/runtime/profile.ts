/** Times of dispatches and copies: by timestamp queries around each; without them by the host, a submit each. */
import { DeviceError } from "../base/errors.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { KernelOrigin } from "../kernel/program.ts";
import type { Device } from "./device.ts";
import type { DispatchRecorder } from "./encode-steps.ts";
import { keepAlive } from "./keep-alive.ts";
import type { DispatchStep } from "./planned-step.ts";

/** One dispatch of a kernel, or a copy. */
export interface KernelTiming {
  readonly program: string;
  /** `copy` for what no kernel does. */
  readonly kernel: string;
  readonly code?: Kernel;
  readonly origin: KernelOrigin;
  readonly elapsedMs: number;
  /** On the clock of `performance.now()`, as well as the device's can be set by it. */
  readonly startMs: number;
  /** When the host encoded it. */
  readonly encodedMs?: number;
  /** Number of the GPU. */
  readonly gpu?: number;
  readonly workgroups: readonly [number, number, number];
}

/** How times were taken. */
export type ProfileClock = "timestamps" | "submits";

interface Recorded {
  readonly program: string;
  readonly kernel: string;
  readonly code?: Kernel;
  readonly origin: KernelOrigin;
  readonly workgroups: readonly [number, number, number];
  readonly encodedMs: number;
}

/** Queries of the set, which is used again when it is full; WebGPU allows 4096 in one. */
const queriesPerSet = 4096;

export class ProfileRecorder implements DispatchRecorder {
  readonly clock: ProfileClock;
  readonly #device: Device;
  readonly #gpu: number;
  readonly #dispatches: Recorded[] = [];
  readonly #set: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  /** Of full batches, each 4096 queries. */
  readonly #staged: GPUBuffer[] = [];
  #used = 0;
  /** Begin and end of each submit, where the host takes the times. */
  readonly #hostTimes: number[] = [];
  /** What the device's clock lacks to the host's, in milliseconds; found by `calibrate`. */
  #offsetMs = Number.NEGATIVE_INFINITY;

  constructor(device: Device, gpu: number) {
    this.#device = device;
    this.#gpu = gpu;
    this.clock = device.target.features.timestamps ? "timestamps" : "submits";
    if (this.clock === "submits") return;
    const { QUERY_RESOLVE, COPY_SRC } = GPUBufferUsage;
    this.#set = device.gpu.createQuerySet({ type: "timestamp", count: queriesPerSet });
    this.#resolved = device.gpu.createBuffer({ size: 8 * queriesPerSet, usage: QUERY_RESOLVE | COPY_SRC });
  }

  get timesSubmits(): boolean {
    return this.clock === "submits";
  }

  begin(encoder: GPUCommandEncoder, program: string, step: DispatchStep): GPUComputePassEncoder {
    const { kernel, code, origin, x, y, z } = step;
    const query = this.#take(encoder, { program, kernel, code, origin, workgroups: [x, y, z] });
    return encoder.beginComputePass({ label: kernel, timestampWrites: this.#writes(query, query + 1) });
  }

  /** A copy lies between two empty passes, since only passes write timestamps. */
  copy(encoder: GPUCommandEncoder, program: string, origin: KernelOrigin, encode: () => void): void {
    const query = this.#take(encoder, { program, kernel: "copy", origin, workgroups: [0, 0, 0] });
    const mark = (begin?: number, end?: number): void =>
      encoder.beginComputePass({ timestampWrites: this.#writes(begin, end) }).end();
    if (this.#set) mark(query);
    encode();
    if (this.#set) mark(undefined, query + 1);
  }

  submitted(startMs: number, endMs: number): void {
    // A submit without work between two of them times nothing.
    if (this.#hostTimes.length < 2 * this.#dispatches.length) this.#hostTimes.push(startMs, endMs);
  }

  /** Sets the device's clock by the host's; the device must be idle. */
  async calibrate(): Promise<void> {
    if (!this.#set) return;
    const { gpu } = this.#device;
    // The first pass makes what later ones find made.
    for (let i = 0; i < 3; i++) {
      const encoder = gpu.createCommandEncoder();
      encoder.beginComputePass({ timestampWrites: this.#writes(0, 1) }).end();
      const submittedMs = performance.now();
      gpu.queue.submit([encoder.finish()]);
      const [beginNs] = await this.#read(2);
      this.#offsetMs = Math.max(this.#offsetMs, submittedMs - Number(beginNs) / 1e6);
    }
  }

  /** Waits for the recorded work and reads its times, in order of submission. */
  async finish(): Promise<KernelTiming[]> {
    const spans = this.#set ? await this.#deviceTimes() : this.#hostTimes;
    return this.#dispatches.map((dispatch, i) => ({
      ...dispatch,
      gpu: this.#gpu,
      startMs: spans[2 * i],
      elapsedMs: Math.max(0, spans[2 * i + 1] - spans[2 * i]),
    }));
  }

  #take(encoder: GPUCommandEncoder, dispatch: Omit<Recorded, "encodedMs">): number {
    if (this.#set && this.#used === queriesPerSet) {
      this.#staged.push(this.#stage(encoder, queriesPerSet));
      this.#used = 0;
    }
    const query = this.#used;
    this.#used += 2;
    this.#dispatches.push({ ...dispatch, encodedMs: performance.now() });
    return query;
  }

  #writes(begin: number | undefined, end: number | undefined): GPUComputePassTimestampWrites | undefined {
    if (!this.#set) return undefined;
    return {
      querySet: this.#set,
      ...(begin !== undefined && { beginningOfPassWriteIndex: begin }),
      ...(end !== undefined && { endOfPassWriteIndex: end }),
    };
  }

  /** On the host's clock: the device begins nothing before it was encoded. */
  async #deviceTimes(): Promise<number[]> {
    const times: number[] = [];
    const add = (batch: BigUint64Array): void => {
      for (const time of batch) times.push(Number(time) / 1e6);
    };
    this.#device.commands.flush();
    for (const staging of this.#staged.splice(0)) add(await this.#take64(staging));
    if (this.#used > 0) add(await this.#read(this.#used));
    this.#set?.destroy();
    this.#resolved?.destroy();
    let offsetMs = this.#offsetMs;
    this.#dispatches.forEach(({ encodedMs }, i) => {
      offsetMs = Math.max(offsetMs, encodedMs - times[2 * i]);
    });
    return times.map((time) => time + offsetMs);
  }

  async #read(count: number): Promise<BigUint64Array> {
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder();
    const staging = this.#stage(encoder, count);
    gpu.queue.submit([encoder.finish()]);
    return this.#take64(staging);
  }

  #stage(encoder: GPUCommandEncoder, count: number): GPUBuffer {
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const staging = this.#device.gpu.createBuffer({ size: 8 * count, usage: COPY_DST | MAP_READ });
    const resolved = this.#resolved as GPUBuffer;
    encoder.resolveQuerySet(this.#set as GPUQuerySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    return staging;
  }

  async #take64(staging: GPUBuffer): Promise<BigUint64Array> {
    try {
      await keepAlive(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      throw this.#device.lost ?? new DeviceError(`profile: the device must answer; got ${String(error)}`);
    }
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return times;
  }
}
