/** What the compiler sees of an adapter, with the limits that `JAXSCALE_LIMITS` lowers. */
import { DeviceError } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import type { FoundAdapter } from "./adapter.ts";
import type { Platform } from "./platform.ts";

type Limits = { -readonly [Name in keyof Target["limits"]]: number };
type Features = { -readonly [Name in keyof Target["features"]]: boolean };

const wholeWords = (sizeBytes: number): number => Math.floor(sizeBytes / 4) * 4;

export function describeTarget(found: FoundAdapter, device: GPUDevice, platform: Platform): Target {
  const { info } = found.adapter;
  const limits: Limits = {
    maxStorageBuffersPerShaderStage: device.limits.maxStorageBuffersPerShaderStage,
    maxStorageBufferBindingSize: wholeWords(device.limits.maxStorageBufferBindingSize),
    maxBufferSize: wholeWords(device.limits.maxBufferSize),
    minStorageBufferOffsetAlignment: device.limits.minStorageBufferOffsetAlignment,
    maxComputeWorkgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
    maxComputeInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: device.limits.maxComputeWorkgroupSizeX,
    maxComputeWorkgroupStorageSize: device.limits.maxComputeWorkgroupStorageSize,
    maxImmediateSize: device.limits.maxImmediateSize ?? 0,
  };
  const features: Features = {
    f16: device.features.has("shader-f16"),
    subgroups: device.features.has("subgroups"),
    timestamps: device.features.has("timestamp-query"),
  };
  lower(limits, features, platform.readVariable("JAXSCALE_LIMITS") ?? "");
  return {
    name: [found.kind.name, info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" "),
    kind: found.kind.name,
    traits: found.kind.traits,
    features,
    subgroupSize: {
      min: (info as { subgroupMinSize?: number }).subgroupMinSize ?? 4,
      max: (info as { subgroupMaxSize?: number }).subgroupMaxSize ?? 128,
    },
    limits,
  };
}

/** `maxBufferSize=65536,subgroups=off`: limits only ever go down, features only off. */
function lower(limits: Limits, features: Features, text: string): void {
  for (const setting of text.split(",").filter(Boolean)) {
    const [name, value] = setting.split("=");
    const size = Number(value);
    if (Object.hasOwn(features, name) && value === "off") features[name as keyof Features] = false;
    else if (Object.hasOwn(limits, name) && Number.isInteger(size) && size >= 0)
      limits[name as keyof Limits] = Math.min(limits[name as keyof Limits], size);
    else
      throw new DeviceError(
        `JAXSCALE_LIMITS: a setting must be a limit with a whole number, or ${Object.keys(features).join("=off, ")}=off; got ${setting}`,
      );
  }
}
