/** What a compilation is for: the limits, features and character of a device. Plain data, so that compiling needs no device. */
export interface Target {
  /** Identity for tuning caches: adapter and driver. */
  readonly name: string;
  /** For people: nothing is decided by it. */
  readonly kind: "hardware" | "lavapipe" | "swiftshader";
  readonly traits: TargetTraits;
  readonly features: { readonly f16: boolean; readonly subgroups: boolean; readonly timestamps: boolean };
  /** Lanes of a subgroup; min and max equal on the software adapters. */
  readonly subgroupSize: { readonly min: number; readonly max: number };
  readonly limits: {
    readonly maxStorageBuffersPerShaderStage: number;
    readonly maxStorageBufferBindingSize: number;
    readonly maxBufferSize: number;
    readonly minStorageBufferOffsetAlignment: number;
    readonly maxComputeWorkgroupsPerDimension: number;
    readonly maxComputeInvocationsPerWorkgroup: number;
    readonly maxComputeWorkgroupSizeX: number;
    readonly maxComputeWorkgroupStorageSize: number;
    /** Bytes of immediates; 0 where the device has none. */
    readonly maxImmediateSize: number;
  };
}

/** What decides how kernels are written and run, and what WebGPU does not report of an adapter. */
export interface TargetTraits {
  /** Workgroups that keep it busy, where each walks through much of an array. */
  readonly parallelWorkgroups: number;
  /** Invocations that keep it busy, where each does. */
  readonly parallelInvocations: number;
  /** Starting a workgroup costs more than an iteration of its loop: workgroups of one subgroup, each with much to do, are best. */
  readonly costlyWorkgroups: boolean;
  /** Its driver unrolls a loop whose iterations it can count, however large the body. */
  readonly unrollsLoops: boolean;
  /** Its driver compiles a pipeline at the first dispatch, not when it is created. */
  readonly compilesAtFirstDispatch: boolean;
  /** Rates that it is sure to reach, to bound how long a submit holds it. */
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/**
 * Bytes of the largest window that a binding may span and that, aligned to itself, never crosses a buffer of an array: arrays
 * above the device's buffer size are cut at multiples of it.
 */
export const windowBytes = ({ limits }: Target): number =>
  2 ** Math.floor(Math.log2(Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize)));
