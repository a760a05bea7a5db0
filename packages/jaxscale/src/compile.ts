/** From a traced function to a program: every stage, in order. Nobody else runs a stage. */

import { recorded } from "./base/host-recorder.ts";
import type { Target } from "./base/target.ts";
import { type HostTensor, packWords } from "./base/tensor-data.ts";
import { assemble } from "./fuse/assemble.ts";
import { assignBuffers } from "./fuse/buffer-assignment.ts";
import type { Donated } from "./fuse/buffer-sharing.ts";
import { type Drafted, draft } from "./fuse/draft/draft.ts";
import { kernelsOf } from "./fuse/draft/steps.ts";
import { type Fusion, fuse } from "./fuse/grouping.ts";
import { storageBytes } from "./fuse/memory-view.ts";
import { defaultParameters, type ScheduleParameters } from "./fuse/parameters.ts";
import { parametersFrom } from "./fuse/tuning/parameters-for.ts";
import { checkJaxpr } from "./jaxpr/check.ts";
import { type ClosedJaxpr, formatAval, type Jaxpr, type JaxprEqn, type ShapedArray } from "./jaxpr/ir.ts";
import { checkKernel } from "./kernel/check.ts";
import { printKernel } from "./kernel/print.ts";
import type { GpuAxis, Program } from "./kernel/program.ts";
import type { Layout } from "./partition/layout.ts";
import { type Partitioned, type Placement, partition } from "./partition/partition.ts";
import { stack } from "./partition/stack.ts";
import { gpuAxesOf } from "./partition/topology.ts";
import { combineCollectives } from "./passes/combine-collectives.ts";
import { constantsAsArguments } from "./passes/constants-as-arguments.ts";
import { inlineCalls } from "./passes/inline-calls.ts";
import { liftEffects, type Replay } from "./passes/lift-effects.ts";
import { storeLiteralResults } from "./passes/literal-results.ts";
import { inBodies } from "./passes/rewrite.ts";
import { simplify } from "./passes/simplify.ts";
import { tellShardings } from "./passes/tell-shardings.ts";
import { rulesOf } from "./primitives/primitive.ts";
import type { HostConstant, LazyProgram, Storage } from "./runtime/index.ts";
import { tunedFor } from "./tune/table.ts";
import { printWgsl } from "./wgsl/print.ts";

export interface Donation {
  /** Arguments, by position, that are donated. */
  readonly donated: readonly number[];
  /** Results by the donated argument whose place they have; only updates and elementwise work take the memory of others. */
  readonly takers?: ReadonlyMap<number, number>;
}

export interface CompileOptions extends Donation {
  readonly name: string;
  /** Axes of the GPUs that run it together. */
  readonly gpuAxes?: readonly GpuAxis[];
  /** For all groups, instead of the adapter's defaults and what was tuned. */
  readonly parameters?: ScheduleParameters;
}

/** What does not depend on a target. */
export interface Optimized {
  /** Without calls, each equation as it was traced; on arrays as users see them. */
  readonly flat: ClosedJaxpr;
  /** What one device does, where arrays lie on a mesh. */
  readonly partitioned: Partitioned | undefined;
  /** Without calls, effects, duplicates or dead code; its constants are the program's, in order. */
  readonly closed: ClosedJaxpr;
  /** Types of the function's own results. */
  readonly results: readonly ShapedArray[];
  /** Types of what a GPU holds of them, which comes first among the program's results. */
  readonly held: readonly ShapedArray[];
  /** Constants that are the last arguments of the program, for GPUs have parts of them. */
  readonly operands: readonly unknown[];
  /** Axes of the GPUs that run the program together, if several do. */
  readonly gpuAxes: readonly GpuAxis[] | undefined;
  /** Types of the results behind them, which effects read, and what does those effects. */
  readonly effects: { readonly results: readonly ShapedArray[]; readonly replay: Replay } | undefined;
}

/** The stages before a target is known: inline, partition, combine collectives, stack, inline collectives between GPUs, tell shardings, lift effects, simplify. */
export function optimize(traced: ClosedJaxpr, placement?: Placement): Optimized {
  // Programs that users wrote for one device are partitioned as they are.
  const written = withoutCalls(traced, placement?.topology ? isPartitionedWhole : undefined);
  // Of arrays on several GPUs each GPU has its own part: they are given at each call.
  const layoutOf = (x: unknown): Layout | undefined => (placement?.topology ? placement.constants?.(x) : undefined);
  const { closed: whole, constants: operands } = constantsAsArguments(written, (x) => layoutOf(x) !== undefined);
  const layouts = [...(placement?.layouts ?? []), ...operands.map(layoutOf)];
  const partitioned = placement && withFewCollectives(partition(checked(whole), { ...placement, layouts }));
  const stacked = partitioned ? checked(withoutCalls(checked(stack(typesOf(whole), partitioned)))) : whole;
  const told = (closed: ClosedJaxpr): ClosedJaxpr => tellShardings(closed, placement?.mesh);
  const local = told(inBodies(told, stacked));
  const { closed: pure, extra, replay } = liftEffects(local);
  const lean = checked(inBodies(simplify, simplify(checked(pure))));
  const types = pure.jaxpr.outvars.map((a) => a.aval);
  const held = types.slice(0, types.length - extra);
  const gpuAxes = placement?.topology && gpuAxesOf(placement.topology);
  return {
    flat: gpuAxes ? written : local,
    partitioned,
    closed: checked(storeLiteralResults(lean)),
    results: gpuAxes ? whole.jaxpr.outvars.map((a) => a.aval) : held,
    held,
    operands,
    gpuAxes: gpuAxes && gpuAxes.length > 0 ? gpuAxes : undefined,
    effects: replay && { results: types.slice(held.length), replay },
  };
}

function withFewCollectives({ local, ...partitioned }: Partitioned): Partitioned {
  const combined = checked(inBodies(combineCollectives, combineCollectives(checked(local))));
  return { ...partitioned, local: combined };
}

function withoutCalls(closed: ClosedJaxpr, isKept?: (eqn: JaxprEqn) => boolean): ClosedJaxpr {
  const inlined = (body: ClosedJaxpr): ClosedJaxpr => inlineCalls(body, isKept);
  return inBodies(inlined, inlined(closed));
}
const isPartitionedWhole = ({ primitive }: JaxprEqn): boolean => rulesOf(primitive).partition !== undefined;

const typesOf = ({ jaxpr }: ClosedJaxpr): readonly ShapedArray[] => jaxpr.invars.map((v) => v.aval);

/** The program of a function as the runtime takes it, to be compiled when the target is known. */
export function lazyProgram(optimized: Optimized, options: LazyOptions): LazyProgram {
  const { closed, held, effects, gpuAxes } = optimized;
  const { name, donated, takers, prepare, storageOf } = options;
  const all = [...held, ...(effects?.results ?? [])];
  return {
    name,
    donated,
    resultCount: all.length,
    resultBytes: all.map(storageBytes),
    resultLabels: all.map(formatAval),
    constants: packConstants(closed, storageOf),
    prepare,
    build: (target) => recorded("lower", name, () => compile(closed, target, { name, donated, takers, gpuAxes })),
  };
}

export interface LazyOptions extends Pick<LazyProgram, "name" | "prepare">, Donation {
  /** The memory of a constant that is an array on the device; undefined for host tensors. */
  readonly storageOf: (constant: unknown) => Storage | undefined;
}

/** Constants as the device stores them. */
const packConstants = (
  { consts, jaxpr }: ClosedJaxpr,
  storageOf: LazyOptions["storageOf"],
): readonly (Storage | HostConstant)[] =>
  consts.map(
    (constant, i) =>
      storageOf(constant) ?? {
        words: packWords(constant as HostTensor),
        sizeBytes: storageBytes(jaxpr.constvars[i].aval),
      },
  );

/** The stages for a target: fuse, schedule, plan memory, assemble. @param closed from `optimize` */
export function compile({ jaxpr }: ClosedJaxpr, target: Target, options: CompileOptions): Program {
  const donated = new Map(options.donated.map((i) => [i, options.takers?.get(i)]));
  const { drafts, sharing } = fuseAndSchedule(jaxpr, target, donated, options.parameters);
  const buffers = assignBuffers(jaxpr, drafts, sharing, donated, target);
  return assemble(jaxpr, drafts, buffers, target, options);
}

/** The groups of a program, those of bodies of loops and branches included: what tuning chooses schedules for. */
export const fusionsOf = ({ jaxpr }: ClosedJaxpr, target: Target): readonly Fusion[] =>
  fuseAndSchedule(jaxpr, target, new Map(), defaultParameters(target)).fusions;

function fuseAndSchedule(
  jaxpr: Jaxpr,
  target: Target,
  donated: Donated,
  parameters: ScheduleParameters | undefined,
): Drafted {
  const parametersFor = parameters ? () => parameters : parametersFrom(defaultParameters(target), tunedFor(target));
  const drafted = draft(jaxpr, { target, donated, parametersFor, fuse: (part, guards) => fuse(part, target, guards) });
  if (checks.enabled) for (const kernel of kernelsOf(drafted.drafts)) checkKernel(kernel);
  return drafted;
}

/** Whether each IR is checked between stages; on in tests. */
export const checks = { enabled: false };

function checked(closed: ClosedJaxpr): ClosedJaxpr {
  if (checks.enabled) checkJaxpr(closed);
  return closed;
}

/** IR no. 2 of each distinct kernel. */
export const kernelsText = (program: Program): string =>
  program.kernels.map((kernel) => printKernel(kernel)).join("\n\n");

/** WGSL of each distinct kernel. */
export const wgslText = (program: Program): string => program.kernels.map((k) => printWgsl(k)).join("\n\n");
