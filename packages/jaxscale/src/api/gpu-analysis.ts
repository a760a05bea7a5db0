/** Kernels on GPUs that are not there. */
import type { KernelAnalysis } from "../analyze/analyze-program.ts";
import { type ModelledGpu, type ModelledGpuName, modelledGpus } from "../analyze/gpus.ts";
import { printAnalysis } from "../analyze/print-analysis.ts";
import { describe } from "../base/describe.ts";
import type { Target } from "../base/target.ts";
import { hardwareTraits } from "../runtime/index.ts";

export type { KernelModel } from "../analyze/analyze-kernel.ts";
export type { KernelAnalysis } from "../analyze/analyze-program.ts";
export { type ModelledGpu, type ModelledGpuName, modelledGpus } from "../analyze/gpus.ts";

/** A program's kernels on a modelled GPU. */
export class GpuAnalysis {
  readonly gpu: ModelledGpu;
  /** In the order in which they first run. */
  readonly kernels: readonly KernelAnalysis[];

  constructor(gpu: ModelledGpu, kernels: readonly KernelAnalysis[]) {
    this.gpu = gpu;
    this.kernels = kernels;
  }

  /** Of one call, every dispatch behind the one before. */
  get predictedSeconds(): number {
    return this.kernels.reduce((seconds, { count, predictedSeconds }) => seconds + count * predictedSeconds, 0);
  }

  /** Aligned columns, a line a kernel. docs/kernels-on-a-gpu.md says what each means. */
  table(): string {
    return printAnalysis(this.kernels, this.gpu);
  }
}

/** @throws TypeError for a name that there is no model of */
export function gpuNamed(gpu: ModelledGpuName | ModelledGpu): ModelledGpu {
  if (typeof gpu === "object" && gpu !== null) return gpu;
  if (Object.hasOwn(modelledGpus, gpu)) return modelledGpus[gpu];
  throw new TypeError(`analyze: the GPU must be one of ${Object.keys(modelledGpus).join(", ")}; got ${describe(gpu)}`);
}

/** What programs are compiled for on such a GPU. */
export const targetFor = (gpu: ModelledGpu): Target => ({
  name: `model of ${gpu.name}`,
  kind: "hardware",
  traits: hardwareTraits,
  features: { f16: true, subgroups: true, timestamps: true },
  subgroupSize: { min: gpu.subgroupSize, max: gpu.subgroupSize },
  limits: {
    maxStorageBuffersPerShaderStage: gpu.storageBuffers,
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 31 - 4,
    minStorageBufferOffsetAlignment: 256,
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeWorkgroupStorageSize: gpu.workgroupStorageBytes,
    maxImmediateSize: 64,
  },
});
