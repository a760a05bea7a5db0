/// <reference lib="esnext.disposable" preserve="true" />
/** JaxScale: traced arrays, compiled for WebGPU. What users import. */
import "./api/array-methods.ts";
import "./api/evaluate.ts";

export {
  type ArrayFromChunksOptions,
  arrayFromChunks,
  type ElementRange,
  shardedArrayFromChunks,
} from "./api/array-from-chunks.ts";
export { checkpoint } from "./api/checkpoint.ts";
export * as core from "./api/core.ts";
export {
  type CustomDerivativeOptions,
  type CustomJvp,
  type CustomVjp,
  customJvp,
  customVjp,
} from "./api/custom-derivatives.ts";
export {
  type CustomKernelFunction,
  type CustomKernelOptions,
  customKernel,
  type InputConstraint,
} from "./api/custom-kernel.ts";
export { debug, pureCallback } from "./api/debug.ts";
export type {
  BackwardRule,
  Cotangent,
  ForwardRule,
  Hessian,
  Jacobian,
  JvpRule,
  PartialJvpRule,
} from "./api/derivative-types.ts";
export {
  blockUntilReady,
  type DataSheet,
  type Device,
  type DeviceReport,
  deviceCount,
  deviceGet,
  devices,
  type ExamineOptions,
  examineDevice,
  examineDevices,
  formatDeviceReport,
  localDevices,
  ready,
  statistics,
  trimMemory,
} from "./api/device.ts";
export { DeviceArray } from "./api/device-array.ts";
export { type DevicePutTree, devicePut } from "./api/device-put.ts";
export { effectsBarrier } from "./api/effects.ts";
export {
  type GpuAnalysis,
  type KernelAnalysis,
  type KernelModel,
  type ModelledGpu,
  type ModelledGpuName,
  modelledGpus,
} from "./api/gpu-analysis.ts";
export { type GradOptions, grad, valueAndGrad } from "./api/grad.ts";
export type { InspectOptions } from "./api/inspect-sharding.ts";
export { hessian, jacfwd, jacrev } from "./api/jacobian.ts";
export { type JitOptions, type Jitted, jit } from "./api/jit.ts";
export * as lax from "./api/lax/index.ts";
export { jvp, linearize, type Pullback, vjp } from "./api/linearize.ts";
export { Compiled, type CostAnalysis, Lowered, type MemoryAnalysis } from "./api/lowered.ts";
export { makeArrayFromCallback, makeArrayFromSingleDeviceArrays } from "./api/make-array.ts";
export { evalShape, makeJaxpr, type PrintableJaxpr, ShapeDtypeStruct } from "./api/make-jaxpr.ts";
export * as nn from "./api/nn/index.ts";
export * as numpy from "./api/numpy/index.ts";
export { slice } from "./api/numpy/indexing.ts";
export type { ShardingTree } from "./api/placement.ts";
export * as profiler from "./api/profiler.ts";
export * as random from "./api/random.ts";
export { type ShardMapOptions, type SpecTree, shardMap } from "./api/shard-map.ts";
export {
  addressableShards,
  type MakeMeshOptions,
  makeMesh,
  type Shard,
  withShardingConstraint,
} from "./api/sharding.ts";
export * as tree from "./api/tree.ts";
export { type AutotuneOptions, TuningReport, type TuningResult, tune } from "./api/tuning.ts";
export { type VisualizeOptions, visualizeArraySharding, visualizeSharding } from "./api/visualize-sharding.ts";
export { type AxisTree, type VmapOptions, vmap } from "./api/vmap.ts";
export { type DType, itemSizeBytes } from "./base/dtypes.ts";
export { CheckpointError, DeviceError, DTypeError, ShapeError, ShardingError, TracerError } from "./base/errors.ts";
export { elementsOfBytes } from "./base/host-values.ts";
export { registerPytreeNode } from "./base/pytree.ts";
export type { Target } from "./base/target.ts";
export type { Communication } from "./partition/communication.ts";
export { AxisType, Mesh } from "./partition/mesh.ts";
export { type IndexRange, NamedSharding, type Sharding, SingleDeviceSharding } from "./partition/named-sharding.ts";
export { P, PartitionSpec } from "./partition/partition-spec.ts";
export {
  Array,
  type ArrayHolder,
  type ArrayLike,
  type ArrayOf,
  type BoolArray,
  heldArray,
  type NumberArray,
} from "./trace/array.ts";
export { namedScope } from "./trace/scope.ts";
