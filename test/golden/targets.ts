/** Devices as data, so that what is compiled for them depends on no machine. */

import type { Target } from "../../packages/jaxscale/src/base/target.ts";
import { adapterKindNamed } from "../../packages/jaxscale/src/runtime/adapter-kinds.ts";

export const lavapipe: Target = {
  name: "golden lavapipe",
  kind: "lavapipe",
  traits: adapterKindNamed("lavapipe").traits,
  features: { f16: true, subgroups: true, timestamps: true },
  subgroupSize: { min: 8, max: 8 },
  limits: {
    maxStorageBuffersPerShaderStage: 16,
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 32,
    minStorageBufferOffsetAlignment: 16,
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeWorkgroupStorageSize: 32768,
    maxImmediateSize: 64,
  },
};
