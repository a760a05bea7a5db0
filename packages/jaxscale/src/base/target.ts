/** What a compilation is for: the limits, features and character of a device. Plain data, so that compiling needs no device. */
export interface Target {
  /** Identity for tuning caches: adapter and driver. */
  readonly name: string;
  readonly kind: "hardware" | "lavapipe" | "swiftshader";
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
