/** What the compiler hands to the runtime: kernels, slots of memory, and the steps of one call. Plain data. */
import type { DType } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import type { Kernel } from "./ir.ts";

/** A place in memory. Every slot begins at an offset that the device accepts and is padded to whole words. */
export type Slot =
  | { readonly kind: "argument"; readonly index: number; readonly sizeBytes: number }
  | { readonly kind: "constant"; readonly index: number; readonly sizeBytes: number }
  /** A result's own buffer; `donor` is the donated argument whose buffer it is, unwritten or updated in place. */
  | { readonly kind: "output"; readonly index: number; readonly sizeBytes: number; readonly donor?: number }
  /** Planned: a range of one of the executable's temporary arenas. */
  | {
      readonly kind: "temporary";
      readonly arena: number;
      readonly offsetBytes: number;
      readonly sizeBytes: number;
    };

export interface KernelBinding {
  /** Index into `Program.slots`. */
  readonly slot: number;
  readonly access: "read" | "read_write";
  /** A window of the slot; whole when absent. Both in bytes, offset a multiple of the device's alignment. */
  readonly offsetBytes?: number;
  readonly sizeBytes?: number;
}

/** Where a kernel came from, for profiles and error messages. */
export interface KernelOrigin {
  /** `namedScope`s joined by `/`. */
  readonly scope: string;
  /** The primitives fused into it, in order. */
  readonly operations: readonly string[];
  /** Call site of its main equation, captured raw. */
  readonly site?: { readonly stack?: string };
  /** How its kernels were chosen, as text made when asked for: the kind of schedule, and its parameters. */
  readonly schedule?: () => string;
  /** The same of its equations. */
  readonly equations?: () => string;
  readonly flops: number;
  readonly bytes: number;
  readonly transcendentals: number;
}

export type Step =
  | {
      readonly kind: "dispatch";
      /** Index into `Program.kernels`. */
      readonly kernel: number;
      readonly bindings: readonly KernelBinding[];
      readonly workgroups: readonly [number, number, number];
      /** One for each immediate of the kernel: a constant, the iteration number of the loop at a depth of nesting, or the GPU's place along an axis. */
      readonly immediates?: readonly (number | { readonly iteration: number } | { readonly gpu: string })[];
      readonly origin: KernelOrigin;
    }
  | {
      readonly kind: "copy";
      readonly from: number;
      readonly to: number;
      readonly sizeBytes: number;
      readonly origin: KernelOrigin;
    }
  /** Repeats its body. */
  | {
      readonly kind: "loop";
      /** Loops around it. */
      readonly depth: number;
      /** Iterations; null: until the word in `flag` is 0. With both, `trips` bounds them: iterations with the flag at 0 do nothing. */
      readonly trips: number | null;
      /** Slot of an int32: 1 before the first iteration if there is anything to do, 0 once there is no more. */
      readonly flag?: number;
      readonly body: readonly Step[];
      readonly origin: KernelOrigin;
    }
  | ExchangeStep;

/** How GPUs combine or move ranges of bytes; the group are those that differ along `axes` alone, in row-major order of their places along `axes`, as listed. */
export interface ExchangeStep {
  readonly kind: "exchange";
  /**
   * With n GPUs in the group, parts of equal size and `from` and `to` in order of the group:
   * allReduce: elements of `from` folded over the group into `to`; allGather: `to` has n parts, part i is GPU i's `from`;
   * reduceScatter: `from` has n parts, `to` is the fold of the group's parts with the GPU's own place;
   * allToAll: `from` and `to` have n parts, part i of `to` is the GPU's part of GPU i's `from`;
   * permute: `to` is `from` of the GPU that sends to this one, zeros if none does.
   */
  readonly collective: "allReduce" | "allGather" | "reduceScatter" | "allToAll" | "permute";
  readonly axes: readonly string[];
  /** Slots. Parts are whole words. */
  readonly from: number;
  readonly to: number;
  /** Of `from`; of `to` it is what follows from the collective. */
  readonly sizeBytes: number;
  readonly dtype: DType;
  /** How elements are folded; partial sums of low precision are float32 already. */
  readonly combine?: "add" | "max" | "min";
  /** Sender and receiver, places in the group. */
  readonly pairs?: readonly (readonly [from: number, to: number])[];
  readonly origin: KernelOrigin;
}

/** An axis of GPUs that a program is the same on. */
export interface GpuAxis {
  readonly name: string;
  readonly size: number;
}

/** Steps that are submitted together; an exchange is the last of its segment. */
export interface Segment {
  readonly steps: readonly Step[];
}

export interface Result {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Where the result lies: an output slot, or an argument or constant passed through. */
  readonly slot: number;
}

export interface Program {
  readonly name: string;
  readonly kernels: readonly Kernel[];
  readonly slots: readonly Slot[];
  /** Bytes of each temporary arena. Within one dispatch an arena is wholly read or wholly written. */
  readonly arenas: readonly number[];
  readonly segments: readonly Segment[];
  readonly results: readonly Result[];
  /** Argument indices whose buffers the call consumes. */
  readonly donated: readonly number[];
  /** Axes of the GPUs that run it together, the major one first; absent if one runs it alone. */
  readonly gpuAxes?: readonly GpuAxis[];
}
