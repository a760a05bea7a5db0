/** One GPU as calls use it: opened at first use and again after a loss, its work in order. */
import { recorded } from "../base/host-recorder.ts";
import { type Block, validationOf } from "./buffer-pool.ts";
import { type Device, type DeviceOptions, openDevice } from "./device.ts";
import type { DispatchRecorder } from "./encode-steps.ts";
import type { Executable } from "./executable.ts";
import { keepAlive } from "./keep-alive.ts";
import { argumentError, borrowArguments, runInto, runWaitingInto, takeOutputs } from "./launch.ts";
import { LaunchQueue } from "./launch-queue.ts";
import type { LazyProgram } from "./lazy-program.ts";
import type { MemoryPressure } from "./memory-pressure.ts";
import { popScopes, pushScopes } from "./pending-validation.ts";
import { describeFirstExchange, type GpuLocation } from "./plan-exchange.ts";
import { type Argument, unplaced } from "./scalar-rows.ts";
import { Memory, Storage } from "./storage.ts";
import { writeWords } from "./transfer.ts";
import type { Exchange, Member } from "./transport.ts";
import type { UnreadErrors } from "./unread-errors.ts";

export interface GpuOptions extends Omit<DeviceOptions, "onLost" | "onBufferCreated"> {
  readonly number: number;
  readonly pressure: MemoryPressure;
  readonly errors: UnreadErrors;
  /** A copy on this GPU of an array that lies on another. */
  readonly copyHere: (storage: Storage) => Storage;
}

/** This GPU's part in a call on several. */
export interface GpuPart extends GpuLocation {
  readonly member: Member;
}

const none: readonly number[] = [];

export class Gpu {
  readonly queue: LaunchQueue;
  /** Records what is launched, if set. */
  recorder: DispatchRecorder | undefined;
  readonly #options: GpuOptions;
  readonly #pressure: MemoryPressure;
  readonly #errors: UnreadErrors;
  #device: Device | undefined;
  #opening: Promise<Device> | undefined;

  constructor(options: GpuOptions) {
    this.#options = options;
    this.#pressure = options.pressure;
    this.#errors = options.errors;
    this.queue = new LaunchQueue(() => this.open());
  }

  /** The open device; undefined before and after a loss. */
  get device(): Device | undefined {
    return this.#device;
  }

  /** @throws DeviceError if there is none */
  open(): Promise<Device> {
    if (this.#device) return Promise.resolve(this.#device);
    this.#opening ??= keepAlive(
      openDevice({
        ...this.#options,
        onLost: (device) => {
          if (this.#device === device) this.#device = undefined;
        },
        onBufferCreated: (sizeBytes) => this.#pressure.created(sizeBytes),
      }),
    ).then(
      (device) => {
        this.#opening = undefined;
        this.#device = device;
        return device;
      },
      (error) => {
        // A driver may be installed meanwhile; the next call asks again.
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** An array that nothing fills yet. */
  newMemory(sizeBytes: number, label: string): Memory {
    return new Memory(sizeBytes, label, this.#errors, this.#options.number);
  }

  /** Words as an array. Returns at once; the words are copied. */
  upload(words: Uint32Array, sizeBytes: number, label: string): Storage {
    const memory = this.newMemory(sizeBytes, label);
    const device = this.#device;
    if (device === undefined || !uploadNow(device, memory, words)) {
      const copy = words.slice();
      this.fillLater(memory, async () => copy);
    }
    return new Storage(memory);
  }

  /** Fills a memory with words when all that was queued before has run. */
  fillLater(memory: Memory, words: () => Promise<Uint32Array>): void {
    // The storage may be dropped while this waits.
    memory.retain();
    const perform = async (device: Device): Promise<void> => {
      const filling = await words();
      await this.#pressure.reclaimUntil(
        device,
        () => uploadNow(device, memory, filling) || undefined,
        () => device.pool.overBudget(memory.sizeBytes, memory.label),
      );
      memory.release();
    };
    this.queue.push(
      { prepare: () => {}, perform, fail: (error) => this.#fail([memory], [memory], error) },
      this.#device,
    );
  }

  /** Gives a memory its block when all that was queued before has run; the device has confirmed it. */
  placeInTurn(memory: Memory, holder: string): Promise<void> {
    const { sizeBytes } = memory;
    return new Promise((resolve, reject) => {
      const perform = async (device: Device): Promise<void> => {
        const { pool } = device;
        const attempt = async (): Promise<Block | undefined> => {
          const block = pool.allocate(sizeBytes, holder);
          if (block === undefined) return undefined;
          await pool.confirmed();
          if (!isFailed(block)) return block;
          pool.release(block);
          return undefined;
        };
        const failure = (): Error => pool.refusal ?? pool.overBudget(sizeBytes, holder);
        memory.place(device, await this.#pressure.reclaimUntil(device, attempt, failure), undefined);
        resolve();
      };
      this.queue.push({ prepare: () => {}, perform, fail: reject }, this.#device);
    });
  }

  /** Calls a program; see `Client.launch` and `Client.launchOn`. */
  launch(lazy: LazyProgram, args: readonly Argument[], part?: GpuPart): Storage[] {
    const donated = lazy.donated ?? none;
    const memories = borrowArguments(lazy.name, args, donated);
    const results = new Array<Memory>(lazy.resultCount);
    for (let i = 0; i < results.length; i++)
      results[i] = this.newMemory(lazy.resultBytes[i], lazy.resultLabels?.[i] ?? lazy.name);
    const device = this.#device;
    if (device === undefined || !this.#launchNow(device, lazy, args, memories, results, part)) {
      for (const i of donated) (args[i] as Storage).consume(lazy.name);
      this.#launchLater(device, lazy, args, memories, results, donated, part);
    } else for (let i = 0; i < donated.length; i++) (args[donated[i]] as Storage).consume(lazy.name).release();
    const storages = new Array<Storage>(results.length);
    for (let i = 0; i < results.length; i++) storages[i] = new Storage(results[i]);
    return storages;
  }

  /** Compiles a program's pipelines, in parallel. @throws DeviceError naming the kernel that does not compile */
  async load(lazy: LazyProgram, location: GpuLocation | undefined): Promise<Executable["program"]> {
    const device = await this.open();
    const constants = this.#heldConstants(lazy, location);
    const executable = await device.programs.compile(device, lazy, constants).finally(() => {
      for (const memory of constants) memory?.release();
    });
    await device.warmer.warm(device);
    // Short of memory, behind constants that are still queued, or made for other GPUs, the first call does it.
    if (this.queue.empty) executable.moveTo(location);
    if (executable.isAt(location) && executable.memory.constantsPlaced && executable.acquire()) {
      await device.pool.confirmed();
      if (executable.memory.failed) executable.release();
    }
    return executable.program;
  }

  /** Settles when everything launched so far is done. */
  async idle(): Promise<void> {
    await this.queue.drained();
    this.#device?.commands.flush();
    const done = (): Promise<unknown> => this.#device?.gpu.queue.onSubmittedWorkDone() ?? Promise.resolve();
    await recorded("wait", "idle", () => keepAlive(done())).catch(() => {});
  }

  /** Gives back what a program keeps between calls. A call takes it again. */
  unload(lazy: LazyProgram): void {
    // One that is called before this is queued may be under way.
    if (this.queue.empty) this.#device?.programs.ready(lazy)?.release();
  }

  /** Gives back idle buffers, and temporaries of programs that do not wait to run. */
  trim(): void {
    const device = this.#device;
    if (device === undefined) return;
    if (this.queue.empty) device.programs.releaseTemporaries();
    device.pool.trim();
  }

  /** The steady state. False if anything must be waited for; then nothing has happened. */
  #launchNow(
    device: Device,
    lazy: LazyProgram,
    given: readonly Argument[],
    args: Memory[],
    results: readonly Memory[],
    part: GpuPart | undefined,
  ): boolean {
    if (!this.queue.open) return false;
    const executable = device.programs.ready(lazy);
    if (executable === undefined || executable.waits || this.recorder?.timesSubmits || !executable.isAt(part))
      return false;
    if (!device.scalars.place(given, args)) return false;
    for (let i = 0; i < args.length; i++) if (!args[i].settled) return false;
    if (argumentError(device, args) !== undefined) return false;
    const blocks = takeOutputs(device, executable, args);
    if (blocks === undefined) return false;
    if (device.pool.unconfirmedLarge > 0) {
      for (const block of blocks) device.pool.release(block);
      return false;
    }
    runInto(device, executable, { args, blocks, results, recorder: this.recorder });
    part?.member.leave();
    return true;
  }

  #launchLater(
    known: Device | undefined,
    lazy: LazyProgram,
    given: readonly Argument[],
    args: Memory[],
    results: readonly Memory[],
    donated: readonly number[],
    part: GpuPart | undefined,
  ): void {
    for (let i = 0; i < given.length; i++) if (typeof given[i] === "number") args[i] = unplaced;
    const kept = [...args.filter((_, i) => typeof given[i] !== "number" && !donated.includes(i)), ...results];
    for (const memory of kept) memory.retain();
    const constants = this.#heldConstants(lazy, part);
    const held = [...kept, ...donated.map((i) => args[i]), ...constants.filter((memory) => memory !== undefined)];
    let where: (() => string | undefined) | undefined;
    this.queue.push(
      {
        prepare: (device) => void device.programs.compile(device, lazy, constants).catch(() => {}),
        perform: async (device) => {
          const executable = await device.programs.compile(device, lazy, constants);
          const error = argumentError(device, args);
          // What an argument reports has been explained where it arose.
          if (part && (!error || args.some(({ home }) => home?.lost === error)))
            where = () => describeFirstExchange(executable.program);
          if (error) throw error;
          executable.moveTo(part);
          const blocks = await this.#obtainMemory(device, executable, given, args);
          const member = part && { exchange: (e: Exchange) => this.queue.others(part.member.exchange(e)) };
          const call = { args, blocks, results, recorder: this.recorder, member };
          if (executable.waits || this.recorder?.timesSubmits) await runWaitingInto(device, executable, call);
          else runInto(device, executable, call);
          part?.member.leave();
          for (const memory of held) memory.release();
        },
        fail: (error) => {
          this.#fail(results, held, part?.member.fail(error, where) ?? error);
          part?.member.leave();
        },
      },
      known,
    );
  }

  /** For the outputs, temporaries, and the numbers among the arguments. */
  async #obtainMemory(
    device: Device,
    executable: Executable,
    given: readonly Argument[],
    args: Memory[],
  ): Promise<Block[]> {
    const { pool } = device;
    return this.#pressure.reclaimUntil(
      device,
      async () => {
        if (!executable.acquire() || !device.scalars.place(given, args)) return undefined;
        const blocks = takeOutputs(device, executable, args);
        if (blocks === undefined) return undefined;
        await pool.confirmed();
        if (!executable.memory.failed && !blocks.some(isFailed)) return blocks;
        for (const block of blocks) pool.release(block);
        executable.release();
        return undefined;
      },
      () => pool.refusal ?? pool.overBudget(executable.neededBytes, executable.program.name),
    );
  }

  /** The memory of a program's constants here, by index, kept for a launch that waits; undefined for what is no array or deleted. */
  #heldConstants(lazy: LazyProgram, location: GpuLocation | undefined): readonly (Memory | undefined)[] {
    return (lazy.constants ?? []).map((constant) => {
      if ("words" in constant) return undefined;
      const storage = "length" in constant ? constant[location?.index ?? 0] : constant;
      if (storage.deleted) return undefined;
      const memory = storage.borrow();
      if (memory.gpu !== this.#options.number)
        // A program that is compiled has a copy.
        return this.#device?.programs.has(lazy) ? undefined : this.#options.copyHere(storage).consume(lazy.name);
      memory.retain();
      return memory;
    });
  }

  #fail(results: readonly Memory[], held: readonly Memory[], error: Error): void {
    this.#errors.stored(error, this.#options.platform);
    for (const memory of results) memory.fail(error);
    for (const memory of held) memory.release();
  }
}

/** False if there is no room. */
function uploadNow(device: Device, memory: Memory, words: Uint32Array): boolean {
  const block = device.pool.allocate(memory.sizeBytes, memory.label);
  if (block === undefined) return false;
  const validation = validationOf(block);
  if (validation === undefined) {
    writeWords(device, block, words);
    memory.place(device, block, undefined);
    return true;
  }
  // Writing to a buffer that could not be made is one more error, which the pending validation reports.
  pushScopes(device.gpu);
  writeWords(device, block, words);
  void popScopes(device.gpu, (error) => new Error(error.message));
  memory.place(device, block, validation);
  return true;
}

const isFailed = (block: Block): boolean => block.buffers.some((buffer) => buffer.failed);
