/** Steps of a program made ready for one device. */
import type { Kernel } from "../kernel/ir.ts";
import type { KernelOrigin } from "../kernel/program.ts";
import type { Values } from "./immediates.ts";
import type { Place } from "./slot-table.ts";
import type { Exchange } from "./transport.ts";

export interface DispatchStep {
  readonly kind: "dispatch";
  readonly kernel: string;
  readonly code: Kernel;
  readonly pipeline: GPUComputePipeline;
  /** Index of its bind group. */
  readonly group: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly values: Values | undefined;
  readonly origin: KernelOrigin;
}

export interface CopyStep {
  readonly kind: "copy";
  readonly from: Place;
  readonly to: Place;
  /** Of this piece, if the copy is done in several. */
  readonly origin: KernelOrigin;
}

export interface LoopStep {
  readonly kind: "loop";
  readonly depth: number;
  /** Iterations, if bounded. */
  readonly trips: number;
  readonly body: readonly PlannedStep[];
  /** The word that says whether to go on. */
  readonly flag: Place | undefined;
  /** Whether the host must wait for the device between iterations; see waiting-loop.ts. */
  readonly waits: boolean;
  /** Whether GPUs exchange something in an iteration: then each hears of the flag before it begins one. */
  readonly exchanges: boolean;
  /** One iteration, with the loops in it: dispatches, and seconds estimated. */
  readonly turnDispatches: number;
  readonly turnSeconds: number;
  /** Without the loops in it. */
  readonly ownSeconds: number;
}

export interface PlannedExchange {
  readonly kind: "exchange";
  readonly exchange: Exchange;
}

export type PlannedStep = DispatchStep | CopyStep | LoopStep | PlannedExchange;
