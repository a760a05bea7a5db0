/** One open GPUDevice with all that belongs to it; lost together. */
import { DeviceError } from "../base/errors.ts";
import { type Target, windowBytes } from "../base/target.ts";
import { type FoundAdapter, findAdapter } from "./adapter.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { BuiltPrograms } from "./built-programs.ts";
import { CommandStream } from "./command-stream.ts";
import { PipelineCache, type PrintKernel } from "./pipeline-cache.ts";
import type { Platform } from "./platform.ts";
import { ProgramTable } from "./program-table.ts";
import { ScalarRows } from "./scalar-rows.ts";
import type { Statistics } from "./statistics.ts";
import type { Home } from "./storage.ts";
import { describeTarget } from "./target.ts";
import { PipelineWarmer } from "./warm-pipelines.ts";

export interface Device extends Home {
  readonly built: BuiltPrograms;
  readonly found: FoundAdapter;
  readonly pipelines: PipelineCache;
  readonly programs: ProgramTable;
  readonly warmer: PipelineWarmer;
  /** Where numbers among arguments lie. */
  readonly scalars: ScalarRows;
  /** One more GPUDevice of the same adapter, whose driver works beside this one's. The caller destroys it. */
  openSecond(): Promise<GPUDevice>;
}

export interface DeviceOptions {
  readonly platform: Platform;
  readonly statistics: Statistics;
  readonly printKernel: PrintKernel;
  readonly built: BuiltPrograms;
  /** What `findAdapter` takes. */
  readonly request: string;
  /** Rejects if another GPU of the process is asked for by a name that is none. */
  readonly checkRequests: () => Promise<void>;
  /** Called when the device is lost, before anything that waits for it fails. */
  readonly onLost: (device: Device) => void;
  readonly onBufferCreated: (sizeBytes: number) => void;
}

const wantedFeatures: readonly GPUFeatureName[] = ["timestamp-query", "shader-f16", "subgroups"];
const wantedLimits = [
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "minStorageBufferOffsetAlignment",
  "maxImmediateSize",
] as const;

/** @throws DeviceError if there is no adapter or it gives no device */
export async function openDevice({
  platform,
  statistics,
  printKernel,
  built,
  request,
  checkRequests,
  onLost,
  onBufferCreated,
}: DeviceOptions): Promise<Device> {
  await checkRequests();
  const found = await findAdapter(platform, request);
  const { adapter, name } = found;
  let gpu: GPUDevice;
  try {
    gpu = await requestDevice(adapter);
  } catch (error) {
    throw new DeviceError(`adapter: ${name} must give a device; got ${String(error)}; ${platform.advice}`);
  }
  const target = describeTarget(found, gpu, platform);
  const commands = new CommandStream(gpu, statistics);
  const pool = new BufferPool(gpu, commands, statistics, {
    budgetBytes: budgetOf(platform),
    maxIdleBytes: bytesFrom(platform, "JAXSCALE_MAX_IDLE_BYTES") ?? defaultIdleBytes,
    chunkBytes: chunkBytesOf(target),
    onCreate: onBufferCreated,
  });
  const pipelines = new PipelineCache(gpu, statistics, printKernel, target.limits.maxImmediateSize);
  const home: Home = { gpu, target, pool, commands, statistics, lost: undefined, uncaptured: undefined };
  const device: Device = Object.assign(home, {
    built,
    found,
    pipelines,
    programs: new ProgramTable(),
    warmer: new PipelineWarmer(),
    scalars: new ScalarRows(home),
    openSecond: async () => requestDevice(await found.again()),
  });
  commands.beforeSubmit = () => device.scalars.upload();
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    device.uncaptured ??= new DeviceError(`device: work must be valid; got: ${event.error.message}`);
  });
  void gpu.lost.then(({ reason, message }) => {
    device.lost = new DeviceError(`device: ${name} was lost (${reason}); got: ${message || "no message"}`);
    onLost(device);
    pool.dispose();
  });
  return device;
}

function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const limit of wantedLimits) {
    const value = adapter.limits[limit];
    // A browser that does not know a limit refuses its name.
    if (value !== undefined) requiredLimits[limit] = value;
  }
  return adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits,
  });
}

export function chunkBytesOf(target: Target): number {
  const window = windowBytes(target);
  return Math.floor(target.limits.maxBufferSize / window) * window;
}

const defaultIdleBytes = 256 * 2 ** 20;

/** A setting in bytes, if it is set. @throws DeviceError unless it is a number of at least `least` */
function bytesFrom(platform: Platform, name: string, least = 0): number | undefined {
  const text = platform.readVariable(name);
  if (!text) return undefined;
  const bytes = Number(text);
  if (!(bytes >= least)) throw new DeviceError(`${name}: must be a number of bytes; got ${text}`);
  return bytes;
}

function budgetOf(platform: Platform): number {
  const set = bytesFrom(platform, "JAXSCALE_MEMORY_BUDGET", 1);
  if (set !== undefined) return set;
  // A software adapter's memory is the machine's; hardware that has less says so itself.
  return platform.memoryBytes === undefined ? 4 * 2 ** 30 : Math.floor(platform.memoryBytes * 0.7);
}
