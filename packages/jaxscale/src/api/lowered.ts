/** What a traced function becomes on its way to the device, stage by stage. */

import { analyzeProgram } from "../analyze/analyze-program.ts";
import type { ModelledGpu, ModelledGpuName } from "../analyze/gpus.ts";
import { describe } from "../base/describe.ts";
import { DeviceError, DTypeError } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import { compile, type Donation, kernelsText, wgslText } from "../compile.ts";
import { storageBytes } from "../fuse/memory-view.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray, sameAval } from "../jaxpr/ir.ts";
import { printJaxpr } from "../jaxpr/print.ts";
import type { KernelOrigin, Program, Slot, Step } from "../kernel/program.ts";
import { type Communication, communicationOf } from "../partition/communication.ts";
import { chunkBytesOf, getClient, pooledBytes } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import type { TuningResult } from "../tune.ts";
import { type AutotuneOptions, retune } from "./autotune.ts";
import { launch, type Runnable } from "./evaluate.ts";
import { GpuAnalysis, gpuNamed, targetFor } from "./gpu-analysis.ts";

/** What one call of a program computes and moves, counted from its equations. */
export interface CostAnalysis {
  /** A product of m×k and k×n matrices counts 2·m·n·k. */
  readonly flops: number;
  readonly transcendentals: number;
  /** What kernels read and write; caches are not counted. */
  readonly bytesAccessed: number;
  /** What each device of the mesh sends to others, by collective and axes, whether or not they share a GPU; all branches are counted. */
  readonly communication: readonly Communication[];
}

/** Memory of one call of a program, in bytes. */
export interface MemoryAnalysis {
  readonly argumentSizeBytes: number;
  readonly outputSizeBytes: number;
  /** Outputs in the buffers of donated arguments. */
  readonly aliasSizeBytes: number;
  readonly temporarySizeBytes: number;
  readonly constantSizeBytes: number;
  /** Arguments, constants, outputs and temporaries, aliases counted once, each rounded up as the pool shares buffers. */
  readonly peakSizeBytes: number;
}

const stages: ReadonlySet<string> = new Set(["jaxpr", "partitioned", "kernels", "wgsl"]);

/**
 * A jitted function traced for arguments of certain shapes and dtypes: what `jit(f).lower(…)` returns. Nothing of it is on the device yet.
 * @see https://docs.jax.dev/en/latest/jax.stages.html
 */
export class Lowered {
  readonly name: string;
  readonly jaxpr: ClosedJaxpr;
  readonly #runnable: Runnable;
  readonly #donation: Donation;

  constructor(name: string, jaxpr: ClosedJaxpr, runnable: Runnable, donation: Donation) {
    this.name = name;
    this.jaxpr = jaxpr;
    this.#runnable = runnable;
    this.#donation = donation;
  }

  /**
   * `jaxpr` as traced; `partitioned` as one device of the mesh runs it; `kernels` and `wgsl` as compiled for a target: the device at hand unless one is given.
   * @throws DeviceError if no device is known yet: `await jax.ready()` first
   */
  asText(stage: "jaxpr" | "partitioned" | "kernels" | "wgsl" = "jaxpr", target?: Target): string {
    if (!stages.has(stage))
      throw new TypeError(`asText: the stage must be one of ${[...stages].join(", ")}; got ${describe(stage)}`);
    if (stage === "jaxpr") return printJaxpr(this.jaxpr);
    if (stage === "partitioned") return printJaxpr(this.#runnable.optimized.partitioned?.local ?? this.jaxpr);
    const program = this.program(target);
    return stage === "kernels" ? kernelsText(program) : wgslText(program);
  }

  /** The program for a target: kernels, slots, steps. */
  program(target: Target | undefined = getClient().target): Program {
    if (!target)
      throw new DeviceError(
        `lower: no device is known yet for ${this.name}; call await jax.ready() first, or pass a target`,
      );
    const { closed, gpuAxes } = this.#runnable.optimized;
    return compile(closed, target, { name: this.name, ...this.#donation, gpuAxes });
  }

  /**
   * The kernels that a GPU would run, and what each asks of it, by a model of the GPU: nothing is measured, no device is needed.
   * @param gpu such as `"rtx4090"`, `"m1"`; or a row of figures of your own
   * @throws TypeError for a name that there is no model of
   */
  analyze(gpu: ModelledGpuName | ModelledGpu): GpuAnalysis {
    const modelled = gpuNamed(gpu);
    return new GpuAnalysis(modelled, analyzeProgram(this.program(targetFor(modelled)), modelled));
  }

  /** Measures which schedules are fastest on the device at hand, for `compile` and for calls from now on. */
  async tune(options: AutotuneOptions = {}): Promise<readonly TuningResult[]> {
    return retune(this.#runnable, options);
  }

  /**
   * Builds every pipeline. Rejects with DeviceError if one does not compile.
   * With `autotune`, first measures which schedules are fastest on the device at hand; later calls use them.
   */
  async compile({ autotune = false }: CompileOptions = {}): Promise<Compiled> {
    if (autotune) await this.tune(autotune === true ? {} : autotune);
    const topology = this.#runnable.optimized.partitioned?.placement.topology;
    const { program, target } = await getClient().load(this.#runnable.program, topology?.gpus);
    return new Compiled(this, this.#runnable, program, target);
  }
}

/** Options of `Lowered.compile`. */
export interface CompileOptions {
  /** Off by default, and for all functions on under `JAXSCALE_AUTOTUNE=1`. */
  readonly autotune?: boolean | AutotuneOptions;
}

/** A compiled function: callable with arrays of exactly the types that it was lowered for. */
export class Compiled {
  readonly lowered: Lowered;
  readonly program: Program;
  readonly #runnable: Runnable;
  readonly #target: Target;

  constructor(lowered: Lowered, runnable: Runnable, program: Program, target: Target) {
    this.lowered = lowered;
    this.program = program;
    this.#runnable = runnable;
    this.#target = target;
  }

  /** Runs on flat arguments, and gives flat results. @throws DTypeError for other types */
  call(...args: readonly Array[]): readonly Array[] {
    const types = this.lowered.jaxpr.jaxpr.invars.map((v) => v.aval);
    if (args.length !== types.length || !types.every((aval, i) => sameAval(aval, args[i].aval)))
      throw new DTypeError(
        `${this.lowered.name}: a compiled function takes ${listOf(types)}, for which it was lowered; got ${listOf(args.map((x) => x.aval))}`,
      );
    return launch(this.#runnable, args);
  }

  /** The kernels that a GPU would run, by a model of it; see `Lowered.analyze`. */
  analyze(gpu: ModelledGpuName | ModelledGpu): GpuAnalysis {
    return this.lowered.analyze(gpu);
  }

  /**
   * Operations and bytes of one call, counted from the program. @see https://docs.jax.dev/en/latest/jax.stages.html
   * @param options.iterations of each loop whose number of iterations the device decides; 1 if absent, as XLA counts
   */
  costAnalysis({ iterations = 1 }: { readonly iterations?: number } = {}): CostAnalysis {
    if (!(iterations >= 0)) throw new RangeError(`costAnalysis: iterations must be at least 0; got ${iterations}`);
    const steps = this.program.segments.flatMap((s) => s.steps);
    const { partitioned } = this.#runnable.optimized;
    const total = (of: (origin: KernelOrigin) => number): number =>
      steps.reduce((n, s) => n + sumOver(s, iterations, of), 0);
    return {
      flops: total((o) => o.flops),
      transcendentals: total((o) => o.transcendentals),
      bytesAccessed: total((o) => o.bytes),
      communication: partitioned
        ? communicationOf(partitioned.local, partitioned.placement.mesh.shape, iterations)
        : [],
    };
  }

  /** Bytes of one call, from the plan of its memory; on several GPUs, those of each. */
  memoryAnalysis(): MemoryAnalysis {
    const { slots, arenas } = this.program;
    const isAlias = (s: Slot): boolean => s.kind === "output" && s.donor !== undefined;
    const bytesOf = (kind: string): number => slots.reduce((n, s) => n + (s.kind === kind ? s.sizeBytes : 0), 0);
    const alias = slots.reduce((n, s) => n + (isAlias(s) ? s.sizeBytes : 0), 0);
    const own = slots.filter((s) => s.kind !== "temporary" && !isAlias(s)).map((s) => s.sizeBytes);
    const chunkBytes = chunkBytesOf(this.#target);
    const argumentSizeBytes = bytesOf("argument");
    const constantSizeBytes = bytesOf("constant");
    const outputSizeBytes = this.#runnable.optimized.held.reduce((n, aval) => n + storageBytes(aval), 0);
    const temporarySizeBytes = arenas.reduce((a, b) => a + b, 0);
    return {
      argumentSizeBytes,
      outputSizeBytes,
      aliasSizeBytes: alias,
      temporarySizeBytes,
      constantSizeBytes,
      peakSizeBytes: [...own, ...arenas].reduce((sum, bytes) => sum + pooledBytes(bytes, chunkBytes), 0),
    };
  }
}

/** Over a step, or over all iterations of a loop. @param iterations of loops that the device decides */
function sumOver(step: Step, iterations: number, of: (origin: KernelOrigin) => number): number {
  if (step.kind !== "loop") return of(step.origin);
  return (step.trips ?? iterations) * step.body.reduce((n, s) => n + sumOver(s, iterations, of), 0);
}

const listOf = (avals: readonly ShapedArray[]): string =>
  avals.length === 0 ? "no arguments" : avals.map(formatAval).join(", ");
