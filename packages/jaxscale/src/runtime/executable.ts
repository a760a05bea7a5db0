/** A program on a device: everything that a call needs, made beforehand. */
import { invariant } from "../base/errors.ts";
import type { KernelOrigin, Program, Step } from "../kernel/program.ts";
import { BindGroupCache, type GroupRecipe } from "./bind-group-cache.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import type { CommandStream } from "./command-stream.ts";
import { type Doubt, eitherDoubt } from "./doubt.ts";
import { encodeImmediates, uniformImmediates } from "./immediates.ts";
import type { HostConstant } from "./lazy-program.ts";
import type { Pipeline } from "./pipeline-cache.ts";
import { type OutputPlan, type Place, SlotTable } from "./slot-table.ts";
import type { Home, Memory } from "./storage.ts";
import { writeWords } from "./transfer.ts";

/** Records what each dispatch takes; see profile.ts. */
export interface DispatchRecorder {
  begin(encoder: GPUCommandEncoder, program: string, dispatch: DispatchStep): GPUComputePassEncoder;
}

export interface DispatchStep {
  readonly kind: "dispatch";
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly group: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly immediates: Uint32Array<ArrayBuffer> | undefined;
  readonly origin: KernelOrigin;
}
interface CopyStep {
  readonly kind: "copy";
  readonly from: Place;
  readonly to: Place;
}

/** Where a result of the program lies. */
export interface ResultPlan {
  readonly from: "output" | "argument" | "constant";
  readonly index: number;
}

export class Executable {
  readonly program: Program;
  readonly table: SlotTable;
  readonly results: readonly ResultPlan[];
  /** Of the first run, in which the device checks what all later ones repeat. */
  doubt: Doubt | undefined;
  hasRun = false;
  readonly #home: Home;
  readonly #pipelines: readonly Pipeline[];
  readonly #constantSources: readonly (Memory | HostConstant)[];
  /** The buffers of the current call, reused by every call. */
  readonly #buffers: PooledBuffer[];
  #owned: Block[] = [];
  #constants: Block[] = [];
  #uniforms: GPUBuffer | undefined;
  #segments: (readonly (DispatchStep | CopyStep)[])[] | undefined;
  #groups: BindGroupCache | undefined;

  constructor(
    home: Home,
    program: Program,
    pipelines: readonly Pipeline[],
    constants: readonly (Memory | HostConstant)[],
    resultLabels: readonly string[],
  ) {
    this.#home = home;
    this.program = program;
    this.#pipelines = pipelines;
    this.#constantSources = constants;
    this.table = new SlotTable(program, resultLabels, home.pool.chunkBytes);
    this.#buffers = new Array<PooledBuffer>(this.table.bufferCount);
    this.results = program.results.map(({ slot: i }) => {
      const slot = program.slots[i];
      invariant(slot.kind !== "temporary", "a result lies in a temporary slot");
      return { from: slot.kind, index: slot.index };
    });
  }

  /** Whether temporaries and constants have their memory. */
  get ready(): boolean {
    return this.#segments !== undefined;
  }

  /** Whether the device could not make the memory of its temporaries. */
  get failed(): boolean {
    return this.#owned.some(({ buffers }) => buffers.some((buffer) => buffer.failed));
  }

  /** What a call needs besides its arguments. */
  get neededBytes(): number {
    const outputs = this.table.outputs.reduce((sum, { sizeBytes, donor }) => sum + (donor < 0 ? sizeBytes : 0), 0);
    return this.program.arenas.reduce((sum, sizeBytes) => sum + sizeBytes, outputs);
  }

  constant(index: number): Block {
    return this.#constants[index];
  }

  /** Whether its constants are filled, or at least submitted. */
  get constantsPlaced(): boolean {
    return this.#constantSources.every((source) => "words" in source || source.block !== undefined);
  }

  /** Takes memory for temporaries and constants; false if over the budget. @throws the error of a constant that failed */
  acquire(): boolean {
    if (this.ready) return true;
    const { pool } = this.#home;
    const { arenas, name } = this.program;
    const take = (sizeBytes: number, holder: string): Block | undefined => {
      const block = pool.allocate(sizeBytes, holder);
      if (block) this.#owned.push(block);
      return block;
    };
    const blocks: Block[] = [];
    for (const sizeBytes of arenas) {
      const block = take(sizeBytes, `temporaries of ${name}`);
      if (!block) return this.release();
      blocks.push(block);
    }
    const constants: Block[] = [];
    for (const source of this.#constantSources) {
      if ("words" in source) {
        const block = take(source.sizeBytes, `constants of ${name}`);
        if (!block) return this.release();
        writeWords(this.#home, block, source.words);
        constants.push(block);
        continue;
      }
      const error = source.error ?? (source.home === this.#home ? undefined : source.home?.lost);
      if (error) throw error;
      invariant(source.block, "a constant is used before it is filled");
      constants.push(source.block);
    }
    this.#constants = constants;
    this.#prepare(blocks);
    return true;
  }

  /** Gives the memory of temporaries back until the next call; always false. */
  release(): false {
    for (const block of this.#owned) this.#home.pool.release(block);
    this.#owned = [];
    this.#constants = [];
    this.#home.commands.flush();
    this.#uniforms?.destroy();
    this.#uniforms = undefined;
    this.#segments = undefined;
    this.#groups = undefined;
    return false;
  }

  dispose(): void {
    this.release();
    for (const source of this.#constantSources) if (!("words" in source)) source.release();
  }

  /** Doubt that constants bring along. */
  get inheritedDoubt(): Doubt | undefined {
    let doubt: Doubt | undefined;
    for (const source of this.#constantSources) if (!("words" in source)) doubt = eitherDoubt(doubt, source.doubt);
    return doubt;
  }

  #prepare(arenas: readonly Block[]): void {
    const { kernels, segments } = this.program;
    const recipes: GroupRecipe[] = [];
    const words = segments.flatMap(({ steps }) =>
      steps.flatMap((step) =>
        step.kind === "dispatch" ? [encodeImmediates(kernels[step.kernel], step.immediates ?? [])] : [],
      ),
    );
    const usesUniforms = this.#pipelines.some(({ immediates }) => immediates === "uniform");
    const uniforms = usesUniforms ? uniformImmediates(this.#home.gpu, words) : undefined;
    let nextDispatch = 0;
    const dispatch = (step: Step & { kind: "dispatch" }): DispatchStep => {
      const pipeline = this.#pipelines[step.kernel];
      const kernel = kernels[step.kernel];
      const entries = step.bindings.map(({ slot, offsetBytes, sizeBytes }, binding) => ({
        binding,
        ...this.table.place(slot, offsetBytes ?? 0, sizeBytes, arenas, this.#constants),
      }));
      const index = nextDispatch++;
      if (pipeline.immediates === "uniform" && uniforms)
        entries.push({ binding: entries.length, buffer: uniforms.buffer, ...uniforms.ranges[index] });
      recipes.push({
        layout: pipeline.layout,
        entries,
        dynamic: entries.flatMap(({ buffer }) => (typeof buffer === "number" ? [buffer] : [])),
      });
      const [x, y, z] = step.workgroups;
      return {
        kind: "dispatch",
        kernel: kernel.name,
        pipeline: pipeline.gpu,
        group: recipes.length - 1,
        x,
        y,
        z,
        immediates: pipeline.immediates === "immediate" ? words[index] : undefined,
        origin: step.origin,
      };
    };
    this.#segments = segments.map(({ steps }) =>
      steps.flatMap((step): (DispatchStep | CopyStep)[] => {
        if (step.kind === "copy")
          return [...this.table.pieces(step.from, step.to, step.sizeBytes, arenas, this.#constants)].map(
            ({ source, destination }) => ({ kind: "copy", from: source, to: destination }),
          );
        const made = dispatch(step);
        return step.workgroups.includes(0) ? [] : [made];
      }),
    );
    this.#uniforms = uniforms?.buffer;
    this.#groups = new BindGroupCache(this.#home.gpu, this.#home.statistics, recipes);
  }

  /**
   * Encodes and submits one call.
   * @param copied outputs whose donor is still needed, so that its contents are copied first; undefined if none
   */
  run(
    args: readonly Memory[],
    outputs: readonly Block[],
    copied: readonly number[] | undefined,
    recorder: DispatchRecorder | undefined,
  ): void {
    const { commands, statistics } = this.#home;
    const { table } = this;
    const buffers = this.#buffers;
    const segments = this.#segments;
    const cache = this.#groups;
    invariant(segments && cache, "a program runs before it has its memory");
    for (let i = 0; i < table.argumentCount; i++)
      fill(buffers, table.argumentStart(i), (args[i].block as Block).buffers);
    for (let i = 0; i < outputs.length; i++) fill(buffers, table.outputStart(i), outputs[i].buffers);
    const groups = cache.groupsFor(buffers);
    statistics.launches++;
    if (copied) for (const output of copied) this.#copyDonor(args, outputs, output);
    for (let s = 0; s < segments.length; s++) {
      // What was split is meant to be submitted apart.
      if (s > 0) commands.flush();
      this.#encode(commands, segments[s], groups, buffers, recorder);
    }
  }

  #encode(
    commands: CommandStream,
    steps: readonly (DispatchStep | CopyStep)[],
    groups: readonly GPUBindGroup[],
    buffers: readonly PooledBuffer[],
    recorder: DispatchRecorder | undefined,
  ): void {
    let pass: GPUComputePassEncoder | undefined;
    let { pipeline, group } = commands;
    let dispatches = 0;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step.kind === "copy") {
        pass = undefined;
        const { from, to } = step;
        commands
          .encoder()
          .copyBufferToBuffer(bufferOf(from, buffers), from.offset, bufferOf(to, buffers), to.offset, from.size);
        continue;
      }
      if (recorder !== undefined) {
        pass?.end();
        pass = recorder.begin(commands.encoder(), this.program.name, step);
        pipeline = undefined;
        group = undefined;
      } else if (pass === undefined) {
        pass = commands.computePass();
        ({ pipeline, group } = commands);
      }
      if (step.pipeline !== pipeline) {
        pipeline = step.pipeline;
        pass.setPipeline(pipeline);
      }
      if (groups[step.group] !== group) {
        group = groups[step.group];
        pass.setBindGroup(0, group);
      }
      if (step.immediates !== undefined) pass.setImmediates(0, step.immediates);
      pass.dispatchWorkgroups(step.x, step.y, step.z);
      dispatches++;
    }
    if (recorder !== undefined) pass?.end();
    commands.pipeline = pipeline;
    commands.group = group;
    this.#home.statistics.dispatches += dispatches;
    commands.endCall(dispatches);
  }

  #copyDonor(args: readonly Memory[], outputs: readonly Block[], output: number): void {
    const { donor, sizeBytes } = this.table.outputs[output] as OutputPlan;
    const from = (args[donor].block as Block).buffers;
    outputs[output].buffers.forEach((to, chunk) => {
      const rest = Math.ceil(sizeBytes / 4) * 4 - chunk * this.#home.pool.chunkBytes;
      this.#home.commands
        .encoder()
        .copyBufferToBuffer(from[chunk].gpu, 0, to.gpu, 0, Math.min(rest, this.#home.pool.chunkBytes));
    });
  }
}

function fill(buffers: PooledBuffer[], start: number, from: readonly PooledBuffer[]): void {
  for (let i = 0; i < from.length; i++) buffers[start + i] = from[i];
}

const bufferOf = ({ buffer }: Place, buffers: readonly PooledBuffer[]): GPUBuffer =>
  typeof buffer === "number" ? buffers[buffer].gpu : buffer;
