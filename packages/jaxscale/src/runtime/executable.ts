/** A program on a device: everything that a call needs, made beforehand. */
import { invariant } from "../base/errors.ts";
import { hostRecorder } from "../base/host-recorder.ts";
import type { Program } from "../kernel/program.ts";
import { BindGroupCache } from "./bind-group-cache.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import { type DispatchRecorder, type Encoding, encodeSteps } from "./encode-steps.ts";
import { ExecutableMemory } from "./executable-memory.ts";
import type { HostConstant } from "./lazy-program.ts";
import type { PendingValidation } from "./pending-validation.ts";
import type { Pipeline } from "./pipeline-cache.ts";
import { type GpuLocation, isSameLocation } from "./plan-exchange.ts";
import { planSteps, waits } from "./plan-steps.ts";
import type { PlannedStep } from "./planned-step.ts";
import { type OutputPlan, SlotTable } from "./slot-table.ts";
import type { Home, Memory } from "./storage.ts";
import { writeWords } from "./transfer.ts";
import type { Member } from "./transport.ts";
import { runSteps } from "./waiting-loop.ts";

/** Where a result of the program lies. */
export interface ResultPlan {
  readonly from: "output" | "argument" | "constant";
  readonly index: number;
}

export class Executable {
  readonly program: Program;
  readonly table: SlotTable;
  readonly results: readonly ResultPlan[];
  /** Whether a call must hear from the device before it is wholly submitted. */
  readonly waits: boolean;
  /** Of the first run, in which the device checks what all later ones repeat. */
  validation: PendingValidation | undefined;
  hasRun = false;
  readonly memory: ExecutableMemory;
  readonly #home: Home;
  readonly #pipelines: readonly Pipeline[];
  /** The buffers of the current call, reused by every call. */
  readonly #buffers: PooledBuffer[];
  readonly #iterations: number[] = [];
  #constants: Block[] = [];
  #segments: readonly (readonly PlannedStep[])[] | undefined;
  #groups: BindGroupCache | undefined;
  #location: GpuLocation | undefined;

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
    this.memory = new ExecutableMemory(home, constants);
    this.table = new SlotTable(program, resultLabels, home.pool.chunkBytes);
    this.#buffers = new Array<PooledBuffer>(this.table.bufferCount);
    this.waits = program.segments.some(({ steps }) => steps.some(waits));
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

  /** What a call needs besides its arguments. */
  get neededBytes(): number {
    const outputs = this.table.outputs.reduce((sum, { sizeBytes, donor }) => sum + (donor < 0 ? sizeBytes : 0), 0);
    return this.program.arenas.reduce((sum, sizeBytes) => sum + sizeBytes, outputs);
  }

  /** Whether it is made for this place among GPUs, or is the same at every place. */
  isAt(location: GpuLocation | undefined): boolean {
    return this.program.gpuAxes === undefined || isSameLocation(this.#location, location);
  }

  /** Makes it for a place among GPUs; undefined: for one GPU alone. */
  moveTo(location: GpuLocation | undefined): void {
    if (this.isAt(location)) return;
    this.release();
    this.#location = location;
  }

  constant(index: number): Block {
    return this.#constants[index];
  }

  /** Takes memory for temporaries and constants; false if over the budget. @throws the error of a constant that failed */
  acquire(): boolean {
    if (this.ready) return true;
    const { arenas, name } = this.program;
    const blocks: Block[] = [];
    for (const sizeBytes of arenas) {
      const block = this.memory.take(sizeBytes, `temporaries of ${name}`);
      if (!block) return this.release();
      blocks.push(block);
    }
    const constants: Block[] = [];
    for (const source of this.memory.constants) {
      if ("words" in source) {
        const block = this.memory.take(source.sizeBytes, `constants of ${name}`);
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

  /** Gives the memory of temporaries back until the next call, unless one is under way; always false. */
  release(): false {
    if (this.memory.release()) {
      this.#constants = [];
      this.#segments = undefined;
      this.#groups = undefined;
    }
    return false;
  }

  #prepare(arenas: readonly Block[]): void {
    const home = this.#home;
    const plan = planSteps(
      home,
      this.program,
      this.#pipelines,
      this.table,
      arenas,
      this.#constants,
      this.#location,
      this.#buffers,
    );
    this.#segments = plan.segments;
    this.memory.uniforms = plan.uniforms;
    this.#groups = new BindGroupCache(home.gpu, home.statistics, plan.recipes);
  }

  /**
   * Encodes and submits one call of a program that needs no word from the device.
   * @param copied outputs whose donor is still needed, so that its contents are copied first; undefined if none
   */
  run(
    args: readonly Memory[],
    outputs: readonly Block[],
    copied: readonly number[] | undefined,
    recorder: DispatchRecorder | undefined,
  ): void {
    const host = hostRecorder();
    const span = host?.begin("encode", this.program.name);
    const call = this.#begin(args, outputs, copied, recorder);
    const segments = this.#segments as readonly (readonly PlannedStep[])[];
    for (let s = 0; s < segments.length; s++) {
      // What was split is meant to be submitted apart.
      if (s > 0) call.commands.flush();
      encodeSteps(call, segments[s]);
      call.commands.endCall();
    }
    if (span !== undefined) host?.end(span);
  }

  /** The same for any program. Nothing else may run it meanwhile. @throws DeviceError if the device is lost */
  async runWaiting(
    args: readonly Memory[],
    outputs: readonly Block[],
    copied: readonly number[] | undefined,
    recorder: DispatchRecorder | undefined,
    member: Pick<Member, "exchange"> | undefined,
  ): Promise<void> {
    const call = this.#begin(args, outputs, copied, recorder);
    for (const steps of this.#segments as readonly (readonly PlannedStep[])[]) {
      await runSteps(this.#home, call, member, steps);
      call.commands.flush();
    }
  }

  #begin(
    args: readonly Memory[],
    outputs: readonly Block[],
    copied: readonly number[] | undefined,
    recorder: DispatchRecorder | undefined,
  ): Encoding {
    const { commands, statistics } = this.#home;
    const { table } = this;
    const buffers = this.#buffers;
    const cache = this.#groups;
    invariant(cache, "a program runs before it has its memory");
    for (let i = 0; i < table.argumentCount; i++)
      fill(buffers, table.argumentStart(i), (args[i].block as Block).buffers);
    for (let i = 0; i < outputs.length; i++) fill(buffers, table.outputStart(i), outputs[i].buffers);
    const groups = cache.groupsFor(buffers);
    statistics.launches++;
    if (copied) for (const output of copied) this.#copyDonor(args, outputs, output);
    return {
      program: this.program.name,
      commands,
      statistics,
      groups,
      buffers,
      recorder,
      iterations: this.#iterations,
    };
  }

  #copyDonor(args: readonly Memory[], outputs: readonly Block[], output: number): void {
    const { donor, sizeBytes } = this.table.outputs[output] as OutputPlan;
    const from = (args[donor].block as Block).buffers;
    outputs[output].buffers.forEach((to, chunk) => {
      const rest = Math.ceil(sizeBytes / 4) * 4 - chunk * this.#home.pool.chunkBytes;
      this.#home.commands
        .encoder()
        .copyBufferToBuffer(
          from[chunk].gpu,
          from[chunk].offsetBytes,
          to.gpu,
          0,
          Math.min(rest, this.#home.pool.chunkBytes),
        );
    });
  }
}

function fill(buffers: PooledBuffer[], start: number, from: readonly PooledBuffer[]): void {
  for (let i = 0; i < from.length; i++) buffers[start + i] = from[i];
}
