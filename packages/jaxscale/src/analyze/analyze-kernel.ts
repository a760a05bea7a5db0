/** A dispatch on a modelled GPU: coalescing, bank conflicts, divergence, registers, occupancy, and a predicted time. */
import type { Kernel } from "../kernel/ir.ts";
import { laneCount } from "../kernel/ir.ts";
import type { KernelOrigin } from "../kernel/program.ts";
import { type AccessCounts, noAccesses } from "./accesses.ts";
import type { ModelledGpu } from "./gpus.ts";
import { registersOf } from "./registers.ts";
import { runWorkgroup, type WorkgroupCounts } from "./workgroup.ts";

/** What binds a kernel. */
export type Bound = "memory" | "cache" | "arithmetic" | "issue" | "launch";

/** Figures of one dispatch, all of a model: nothing here was measured. */
export interface KernelModel {
  /** Sectors of 32 bytes that reads and writes touch, over the fewest that the same words could lie in: 1 is coalesced. */
  readonly sectorsOverLeast: number;
  /** Passes over the banks of shared memory, over the fewest that the same words need: 1 is free of conflicts; 0 without shared memory. */
  readonly bankConflicts: number;
  /** Lanes that idle while others of their subgroup work, 0 to 1. */
  readonly divergence: number;
  /** 32-bit registers an invocation, estimated. */
  readonly registers: number;
  readonly sharedBytes: number;
  /** Invocations that a core can hold, over those it could hold of the smallest kernel. */
  readonly occupancy: number;
  readonly workgroups: number;
  /** Workgroups over those that give every core two. */
  readonly fill: number;
  /** Bytes of all sectors that are asked for. */
  readonly bytesIssued: number;
  /** Bytes read and written once. */
  readonly bytesNeeded: number;
  /** Flops over `bytesNeeded`. */
  readonly intensity: number;
  readonly seconds: Readonly<Record<Bound, number>>;
  readonly boundBy: Bound;
  /** The largest of `seconds`. */
  readonly predictedSeconds: number;
}

/** One dispatch of a kernel. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly workgroups: readonly [number, number, number];
  readonly immediates: ReadonlyMap<string, number>;
  readonly origin: KernelOrigin;
}

/** Workgroups that are run, spread over the grid. */
const sampledWorkgroups = 3;
/** Shares of the peaks that good kernels reach. */
const reachable = { memory: 0.8, arithmetic: 0.75 };
/** Last-level caches give about this many times DRAM's rate. */
const cacheOverMemory = 4;
/** Recording a dispatch in an open pass, and draining the GPU before one that depends on it. */
const launchSeconds = 5e-6;

export function analyzeKernel({ kernel, workgroups, immediates, origin }: Dispatch, gpu: ModelledGpu): KernelModel {
  const count = workgroups[0] * workgroups[1] * workgroups[2];
  const samples = placesIn(workgroups).map((id) => runWorkgroup(kernel, gpu, { id, counts: workgroups, immediates }));
  const whole = (of: (c: WorkgroupCounts) => number): number =>
    samples.length === 0 ? 0 : (count / samples.length) * samples.reduce((sum, c) => sum + of(c), 0);
  const ratio = (of: (c: WorkgroupCounts) => AccessCounts[]): number => {
    const total = samples.flatMap(of).reduce(added, noAccesses());
    return total.least === 0 ? 0 : total.units / total.least;
  };
  const registers = registersOf(kernel);
  const sharedBytes = kernel.shared.reduce((sum, s) => sum + 4 * s.size * laneCount(s.type), 0);
  const size = kernel.workgroupSize[0] * kernel.workgroupSize[1] * kernel.workgroupSize[2];
  const resident = residentInvocations(gpu, registers, sharedBytes, size);
  const busy = Math.min(1, (count * size) / (gpu.cores * neededInvocations(gpu))) * share(resident, gpu);
  const bytesIssued = 32 * whole((c) => c.reads.units + c.writes.units);
  const instructions = whole((c) => c.instructions);
  const seconds: Record<Bound, number> = {
    memory: origin.bytes / (reachable.memory * gpu.bytesPerSecond * busy),
    cache: bytesIssued / (cacheOverMemory * gpu.bytesPerSecond * busy),
    arithmetic: origin.flops / (reachable.arithmetic * gpu.flopsPerSecond * busy),
    // A core that does a multiply-add a cycle and lane has twice as many flops as lanes to issue for.
    issue: (instructions * Math.min(gpu.subgroupSize, Math.max(size, 1))) / ((gpu.flopsPerSecond / 2) * busy),
    launch: launchSeconds,
  };
  const boundBy = (Object.keys(seconds) as Bound[]).reduce((a, b) => (seconds[b] > seconds[a] ? b : a));
  return {
    sectorsOverLeast: ratio((c) => [c.reads, c.writes]),
    bankConflicts: ratio((c) => [c.shared]),
    divergence: instructions === 0 ? 0 : 1 - whole((c) => c.useful) / instructions,
    registers,
    sharedBytes,
    occupancy: Math.min(1, resident / gpu.invocationsPerCore),
    workgroups: count,
    fill: count / (2 * gpu.cores),
    bytesIssued,
    bytesNeeded: origin.bytes,
    intensity: origin.bytes === 0 ? 0 : origin.flops / origin.bytes,
    seconds,
    boundBy,
    predictedSeconds: seconds[boundBy],
  };
}

const added = (a: AccessCounts, b: AccessCounts): AccessCounts => ({
  requests: a.requests + b.requests,
  units: a.units + b.units,
  least: a.least + b.least,
});

/** Of a grid the first workgroup, the last, and those between at equal distances. */
function placesIn([x, y, z]: Dispatch["workgroups"]): readonly (readonly [number, number, number])[] {
  const count = x * y * z;
  const places = Array.from({ length: sampledWorkgroups }, (_, i) =>
    Math.round((i * (count - 1)) / (sampledWorkgroups - 1)),
  );
  return [...new Set(places.filter((place) => place >= 0))].map((place) => [
    place % x,
    Math.floor(place / x) % y,
    Math.floor(place / (x * y)),
  ]);
}

/** Invocations of a kernel that a core holds at once: by registers, shared memory and its own limit, in whole workgroups. */
function residentInvocations(gpu: ModelledGpu, registers: number, sharedBytes: number, workgroupSize: number): number {
  const held = Math.min(registers, gpu.registersPerInvocation);
  const byRegisters = gpu.registerBytes / (4 * held);
  const byShared = sharedBytes === 0 ? Number.POSITIVE_INFINITY : gpu.sharedBytes / sharedBytes;
  const lanes = Math.ceil(workgroupSize / gpu.subgroupSize) * gpu.subgroupSize;
  const groups = Math.floor(Math.min(byRegisters / lanes, byShared, gpu.invocationsPerCore / lanes));
  return Math.max(1, groups) * workgroupSize;
}

/** Invocations a core that hide the latency of memory: a quarter of what it can hold. */
const neededInvocations = ({ invocationsPerCore }: ModelledGpu): number => invocationsPerCore / 4;
const share = (resident: number, gpu: ModelledGpu): number => Math.min(1, resident / neededInvocations(gpu));
