/** Choosing an adapter: hardware, else a software driver of the system, else the embedded one. */

import { DeviceError } from "../base/errors.ts";
import { type AdapterKind, adapterKindOf } from "./adapter-kinds.ts";
import type { GpuSource, Platform } from "./platform.ts";

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly kind: AdapterKind;
  /** The source that offers it, named `system`, `embedded` or `browser`. */
  readonly source: GpuSource;
  /** As people know it, for example `llvmpipe (LLVM 15.0.6)`. */
  readonly name: string;
  /** The adapter once more: one of WebGPU's gives one device. */
  again(): Promise<GPUAdapter>;
}

const nameOf = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  description || [vendor, architecture, device].filter(Boolean).join(" ") || "unnamed adapter";

// What every WebGPU core adapter has; the schedules rely on it.
const needed = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 2 ** 27,
} as const;

function checkLimits({ adapter, name }: FoundAdapter, platform: Platform): void {
  for (const [limit, least] of Object.entries(needed)) {
    const got = adapter.limits[limit as keyof typeof needed];
    if (got < least)
      throw new DeviceError(`adapter: ${limit} must be at least ${least}; got ${got} on ${name}; ${platform.advice}`);
  }
}

async function askSource(
  source: GpuSource,
  options: GPURequestAdapterOptions,
  reasons: string[],
  adapterName?: string,
): Promise<FoundAdapter | undefined> {
  const gpu = await source.open(adapterName);
  if ("missing" in gpu) {
    reasons.push(gpu.missing);
    return undefined;
  }
  const adapter = await gpu.requestAdapter(options);
  if (!adapter) {
    reasons.push(`${source.name}: no adapter`);
    return undefined;
  }
  return {
    adapter,
    kind: adapterKindOf(adapter.info),
    source,
    name: nameOf(adapter.info),
    again: async () => (await gpu.requestAdapter(options)) ?? adapter,
  };
}

/** What an adapter whose name contains `part`, in any case, is made of by `use`; the next one where that is nothing. @throws DeviceError */
async function byName<T>(
  platform: Platform,
  part: string,
  use: (source: GpuSource, name: string) => T | Promise<T | undefined>,
): Promise<T> {
  const seen: string[] = [];
  for (const source of platform.sources) {
    const names = await source.adapterNames();
    seen.push(...names);
    const name = names.find((candidate) => candidate.toLowerCase().includes(part.toLowerCase()));
    const found = name && (await use(source, name));
    if (found) return found;
  }
  throw new DeviceError(
    `JAXSCALE_ADAPTER: must be hardware, software, embedded or part of an adapter's name; got ${part}, adapters here: ${seen.join(", ") || "none"}`,
  );
}

// Not in "llvmpipe (LLVM 15.0.6, 256 bits)".
const betweenNames = /,(?![^(]*\))/;

/** What `JAXSCALE_ADAPTER` asks for: a GPU for each name between commas, of which several may be the same; one if it is not set. */
export const adapterRequests = (platform: Platform): readonly string[] =>
  (platform.readVariable("JAXSCALE_ADAPTER") || "any").split(betweenNames).map((name) => name.trim());

const kinds = ["any", "hardware", "software", "embedded"] as const;
const isKind = (request: string): request is (typeof kinds)[number] => kinds.some((kind) => kind === request);

/** @throws DeviceError if one of several requests names no adapter: before the first is opened, rather than when the last is used */
export async function checkRequests(platform: Platform): Promise<void> {
  const requests = new Set(adapterRequests(platform));
  if (requests.size === 1) return;
  checkGiven(platform, [...requests]);
  for (const request of requests) if (!isKind(request)) await byName(platform, request, (_, name) => name);
}

function checkGiven(platform: Platform, requests: readonly string[]): void {
  if (requests.includes(""))
    throw new DeviceError(
      `JAXSCALE_ADAPTER: there must be a name between commas; got ${platform.readVariable("JAXSCALE_ADAPTER")}`,
    );
}

/**
 * The adapter that is asked for, or the best one of `any`.
 * @throws DeviceError if there is none, or it lacks a needed limit
 */
export async function findAdapter(platform: Platform, request: string): Promise<FoundAdapter> {
  checkGiven(platform, [request]);
  const found = isKind(request)
    ? await findByKind(platform, request)
    : await byName(platform, request, (source, name) => askSource(source, {}, [], name));
  checkLimits(found, platform);
  return found;
}

async function findByKind(platform: Platform, request: (typeof kinds)[number]): Promise<FoundAdapter> {
  const reasons: string[] = [];
  const options: GPURequestAdapterOptions =
    request === "software" ? { forceFallbackAdapter: true } : { powerPreference: "high-performance" };
  for (const source of platform.sources) {
    if (request === "embedded" && source.name === "system") continue;
    if (request === "hardware" && source.name === "embedded") continue;
    const found = await askSource(source, options, reasons);
    if (!found) continue;
    if (request === "hardware" && found.kind.isSoftware) reasons.push(`${found.name} is software`);
    else if (request === "software" && !found.kind.isSoftware) reasons.push(`${found.name} is hardware`);
    else return found;
  }
  const asked = request === "any" ? "a WebGPU adapter is needed" : `JAXSCALE_ADAPTER=${request}: there must be one`;
  throw new DeviceError(`adapter: ${asked}; got none (${reasons.join("; ")}); ${platform.advice}`);
}
