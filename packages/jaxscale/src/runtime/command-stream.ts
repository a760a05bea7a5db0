/** The commands of a device in order. A call is submitted at once; small calls that follow in the same turn share a submit. */
import type { Statistics } from "./statistics.ts";

// Enough to hide what a submit costs, few enough that the device is not kept waiting.
const batchedDispatches = 32;

export class CommandStream {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #waiting = 0;
  #turnHasSubmitted = false;
  /** What the open pass was last told to use. */
  pipeline: GPUComputePipeline | undefined;
  group: GPUBindGroup | undefined;
  readonly #endTurn = (): void => {
    this.#turnHasSubmitted = false;
    this.flush();
  };

  constructor(device: GPUDevice, statistics: Statistics) {
    this.#device = device;
    this.#statistics = statistics;
  }

  /** The open compute pass. */
  computePass(): GPUComputePassEncoder {
    if (this.#pass === undefined) {
      this.#encoder ??= this.#device.createCommandEncoder();
      this.#pass = this.#encoder.beginComputePass();
      this.pipeline = undefined;
      this.group = undefined;
    }
    return this.#pass;
  }

  /** The open encoder, outside any pass. */
  encoder(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  /** Says that a call is complete. */
  endCall(dispatches: number): void {
    this.#waiting += dispatches;
    if (!this.#turnHasSubmitted) {
      this.#turnHasSubmitted = true;
      queueMicrotask(this.#endTurn);
      this.flush();
    } else if (this.#waiting >= batchedDispatches) this.flush();
  }

  /** Submits what is encoded. Needed before a queue's own writes, and before a buffer is destroyed. */
  flush(): void {
    const encoder = this.#encoder;
    if (encoder === undefined) return;
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder = undefined;
    this.#waiting = 0;
    this.#device.queue.submit([encoder.finish()]);
    this.#statistics.submits++;
  }
}
