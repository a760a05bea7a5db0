/** Runs functions as chosen schedules and targets make them, against the reference interpreter. */
import * as assert from "uvu/assert";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { Target } from "../../packages/jaxscale/src/base/target.ts";
import { type HostTensor, packWords, unpackWords } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { checks, compile, optimize } from "../../packages/jaxscale/src/compile.ts";
import { storageBytes } from "../../packages/jaxscale/src/fuse/memory-view.ts";
import { defaultParameters, type ScheduleParameters } from "../../packages/jaxscale/src/fuse/parameters.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { type ClosedJaxpr, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import type { Program } from "../../packages/jaxscale/src/kernel/program.ts";
import { hardwareTraits } from "../../packages/jaxscale/src/runtime/adapter-kinds.ts";
import { getClient } from "../../packages/jaxscale/src/runtime/client.ts";
import type { Array } from "../../packages/jaxscale/src/trace/array.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { printWgsl } from "../../packages/jaxscale/src/wgsl/print.ts";
import { type Bound, difference } from "../tensors.ts";

export type Operands = readonly HostTensor[];
export type ArrayFunction = (...args: Array[]) => Array;

/** What WebGPU promises of every device, of what kernels are made by. @see https://gpuweb.github.io/gpuweb/#limits */
export const smallestLimits: Partial<Target["limits"]> = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
};

export interface Schedule {
  readonly parameters?: Partial<ScheduleParameters>;
  /** As if the device lacked subgroups. */
  readonly withoutSubgroups?: boolean;
  /** As if the device were a GPU. */
  readonly onGpu?: boolean;
  /** As if the device had these limits. */
  readonly limits?: Partial<Target["limits"]>;
}

checks.enabled = true;

const client = getClient();

async function programFor(
  traced: ClosedJaxpr,
  { parameters, withoutSubgroups, onGpu, limits }: Schedule,
): Promise<Program> {
  const own = await client.ready();
  const target: Target = {
    ...own,
    traits: onGpu ? hardwareTraits : own.traits,
    limits: { ...own.limits, ...limits },
    features: { ...own.features, subgroups: own.features.subgroups && !withoutSubgroups },
  };
  return compile(optimize(traced).closed, target, {
    name: "scheduled",
    donated: [],
    parameters: { ...defaultParameters(target), ...parameters },
  });
}

const traceFor = (f: ArrayFunction, args: Operands): ClosedJaxpr =>
  traceToJaxpr(
    "scheduled",
    (...xs) => [f(...xs)],
    args.map(({ shape, dtype }) => shapedArray(shape, dtype)),
  );

/** What a function is compiled to. */
export const programOf = (f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<Program> =>
  programFor(traceFor(f, args), schedule);

/** Names of the kernels that run, in order. */
export async function kernelsOf(f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<readonly string[]> {
  const program = await programOf(f, args, schedule);
  const steps = program.segments.flatMap((s) => s.steps);
  return steps.map((step) => (step.kind === "dispatch" ? program.kernels[step.kernel].name : step.kind));
}

/** How many kernels the device compiles, and how many it runs. */
export async function countsOf(f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<Counts> {
  const { kernels, segments } = await programOf(f, args, schedule);
  return { kernels: kernels.length, runs: segments.reduce((n, { steps }) => n + steps.length, 0) };
}
export interface Counts {
  readonly kernels: number;
  readonly runs: number;
}

/** Bytes of memory that the program needs for values between kernels. */
export async function temporaryBytes(f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<number> {
  const { arenas } = await programFor(traceFor(f, args), schedule);
  return arenas.reduce((sum, bytes) => sum + bytes, 0);
}

/** The text of each kernel. */
export async function wgslOf(f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<readonly string[]> {
  const { kernels } = await programFor(traceFor(f, args), schedule);
  return kernels.map((kernel) => printWgsl(kernel));
}

/** What the device makes of a function without closed-over arrays. */
export async function runScheduled(f: ArrayFunction, args: Operands, schedule: Schedule = {}): Promise<HostTensor> {
  const program = await programOf(f, args, schedule);
  const [result] = program.results;
  const bytesOf = ({ shape, dtype }: { shape: readonly number[]; dtype: HostTensor["dtype"] }): number =>
    storageBytes(shapedArray(shape, dtype));
  const uploaded = args.map((x) => client.upload(packWords(x), bytesOf(x)));
  const lazy = { name: program.name, resultCount: 1, resultBytes: [bytesOf(result)], build: () => program };
  const [out] = client.launch(lazy, uploaded);
  const words = await client.read(out);
  return { ...result, values: unpackWords(result.dtype, words, sizeOf(result.shape)) };
}

/** The device's result must be the reference interpreter's. */
export async function agreesScheduled(
  f: ArrayFunction,
  args: Operands,
  schedule: Schedule = {},
  bound: Bound = { abs: 2e-5, rel: 1e-5 },
): Promise<void> {
  const { jaxpr, consts } = traceFor(f, args);
  assert.is(consts.length, 0, "the function closes over no arrays");
  const [want] = interpret({ jaxpr, consts }, args);
  const got = await runScheduled(f, args, schedule);
  assert.is(difference({ shape: got.shape, dtype: got.dtype, values: got.values }, want, bound), undefined);
}
