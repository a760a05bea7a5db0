/** The commands of a device in order. The first call of a turn is submitted at once unless it is tiny; small calls share a submit. */
import { hostRecorder } from "../base/host-recorder.ts";
import { TurnRows, type Values, writeIterations } from "./immediates.ts";
import type { Statistics } from "./statistics.ts";

// Enough to hide what a submit costs, few enough that the device is not kept waiting.
const batchedDispatches = 32;
// A call of fewer takes the device no longer than a submit takes the host: it waits for what follows in its turn.
const worthSubmitting = 8;

export class CommandStream {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #turnHasSubmitted = false;
  #watchesTurn = false;
  #rows: TurnRows | undefined;
  /** Counts the iterations of loops, and submits: values written in an earlier one are stale. */
  #loopIteration = 0;
  /** What is encoded and not submitted: dispatches, and the estimated time of those in loops. */
  waitingDispatches = 0;
  waitingSeconds = 0;
  /** What the open pass uses. */
  pipeline: GPUComputePipeline | undefined;
  group: GPUBindGroup | undefined;
  values: Values | undefined;
  /** Writes what the commands read, just before they are submitted. */
  beforeSubmit: () => void = () => {};
  readonly #endTurn = (): void => {
    this.#turnHasSubmitted = false;
    this.#watchesTurn = false;
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
      this.#statistics.passes++;
      this.pipeline = undefined;
      this.group = undefined;
      this.values = undefined;
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

  /** Where a device without immediates keeps iteration numbers. */
  get turnRows(): TurnRows {
    this.#rows ??= new TurnRows(this.#device);
    return this.#rows;
  }

  /** A loop begins its next iteration: iteration numbers are written anew. */
  beginLoopIteration(): void {
    this.#loopIteration++;
    this.values = undefined;
  }

  /** Dynamic offset of a dispatch's values. May submit, so ask for the pass afterwards. */
  rowOf(values: Values, iterations: readonly number[]): number {
    if (values.iterations.length === 0) return 0;
    if (values.writtenIn !== this.#loopIteration) {
      const rows = this.turnRows;
      if (rows.full) this.flush();
      writeIterations(values, iterations);
      values.row = rows.add(values);
      values.writtenIn = this.#loopIteration;
    }
    return values.row;
  }

  /** Says that a call is complete. */
  endCall(): void {
    if (!this.#watchesTurn) {
      this.#watchesTurn = true;
      queueMicrotask(this.#endTurn);
    }
    if (this.waitingDispatches < (this.#turnHasSubmitted ? batchedDispatches : worthSubmitting)) return;
    this.#turnHasSubmitted = true;
    this.flush();
  }

  /** Settles when what is encoded now is submitted: with the next call if that follows in the same turn, else behind the turn. */
  submitted(): Promise<void> {
    return new Promise((resolve) =>
      queueMicrotask(() => {
        this.flush();
        resolve();
      }),
    );
  }

  /** Submits what is encoded. Needed before a queue's own writes, and before a buffer is destroyed. */
  flush(): void {
    const encoder = this.#encoder;
    if (encoder === undefined) return;
    this.#pass?.end();
    this.#pass = undefined;
    this.#encoder = undefined;
    this.waitingDispatches = 0;
    this.waitingSeconds = 0;
    this.#loopIteration++;
    this.#rows?.upload();
    this.beforeSubmit();
    const recorder = hostRecorder();
    const span = recorder?.begin("submit", "submit");
    this.#device.queue.submit([encoder.finish()]);
    if (span !== undefined) recorder?.end(span);
    this.#statistics.submits++;
  }
}
