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
      /** One for each immediate of the kernel: a constant, or the iteration number of the loop at a depth of nesting. */
      readonly immediates?: readonly (number | { readonly iteration: number })[];
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
    };

/** Steps that are submitted together. */
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
}
