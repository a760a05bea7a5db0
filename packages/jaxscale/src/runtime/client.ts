/** The device as the API uses it: arrays up, programs over them, arrays down; in order, and without waiting. */
import { platform as currentPlatform } from "#platform";

import type { Target } from "../base/target.ts";
import { printWgsl } from "../wgsl/print.ts";
import { type Block, validationOf } from "./buffer-pool.ts";
import { type Device, openDevice } from "./device.ts";
import type { Executable } from "./executable.ts";
import { keepAlive } from "./keep-alive.ts";
import { argumentError, borrowArguments, runInto, runWaitingInto, takeOutputs } from "./launch.ts";
import { LaunchQueue } from "./launch-queue.ts";
import type { LazyProgram } from "./lazy-program.ts";
import { MemoryPressure } from "./memory-pressure.ts";
import { popScopes, pushScopes } from "./pending-validation.ts";
import type { PrintKernel } from "./pipeline-cache.ts";
import type { Platform } from "./platform.ts";
import { type KernelTiming, ProfileRecorder } from "./profile.ts";
import { type Argument, unplaced } from "./scalar-rows.ts";
import { newStatistics } from "./statistics.ts";
import { type Home, Memory, Storage } from "./storage.ts";
import { readWords, writePieces, writeWords } from "./transfer.ts";
import { UnreadErrors } from "./unread-errors.ts";

export interface ClientOptions {
  readonly platform?: Platform;
  /** Kernel to WGSL; for tests of the runtime alone. */
  readonly printKernel?: PrintKernel;
  /** Where an error goes that nobody read. */
  readonly warn?: (message: string) => void;
}

/** A program whose pipelines are compiled. */
export interface LoadedProgram {
  readonly program: Executable["program"];
  readonly target: Target;
  readonly compileMs: number;
}

const none: readonly number[] = [];

export class Client {
  readonly statistics = newStatistics();
  readonly platform: Platform;
  readonly #printKernel: PrintKernel;
  readonly #queue: LaunchQueue;
  readonly #pressure: MemoryPressure;
  readonly #errors: UnreadErrors;
  #device: Device | undefined;
  #opening: Promise<Device> | undefined;
  #recorder: ProfileRecorder | undefined;

  constructor({ platform = currentPlatform, printKernel = printWgsl, warn }: ClientOptions = {}) {
    this.platform = platform;
    this.#printKernel = printKernel;
    this.#errors = new UnreadErrors(warn);
    this.#pressure = new MemoryPressure(platform, this.statistics);
    this.#queue = new LaunchQueue(() => this.#acquire());
  }

  /** What programs are compiled for, once the device is known; undefined before and after a loss. */
  get target(): Target | undefined {
    return this.#device?.target;
  }

  /** Opens the device if need be. @throws DeviceError if there is none */
  async ready(): Promise<Target> {
    return (await this.#acquire()).target;
  }

  /** The open device, for measurements and reports. */
  device(): Promise<Device> {
    return this.#acquire();
  }

  /**
   * Words as an array on the device. Returns at once; the words are copied.
   * @param label for messages, such as `float32[4,8]`
   */
  upload(words: Uint32Array, sizeBytes = words.byteLength, label = `${sizeBytes} bytes`): Storage {
    const memory = new Memory(sizeBytes, label, this.#errors);
    const device = this.#device;
    if (device === undefined || !this.#uploadNow(device, memory, words)) {
      const copy = words.slice();
      // The storage may be dropped while this waits.
      memory.retain();
      this.#queue.push(
        {
          prepare: () => {},
          perform: async (opened) => {
            await this.#pressure.reclaimUntil(
              opened,
              () => this.#uploadNow(opened, memory, copy) || undefined,
              () => opened.pool.overBudget(sizeBytes, label),
            );
            memory.release();
          },
          fail: (error) => this.#fail([memory], [memory], error),
        },
        device,
      );
    }
    return new Storage(memory);
  }

  /**
   * Words that arrive in pieces, `sizeBytes` in all, as an array on the device; the host never holds the whole.
   * @throws DeviceError if there is no memory or the device is lost; what the pieces throw. Then the memory is given back
   */
  async uploadPieces(pieces: AsyncIterable<Uint32Array>, sizeBytes: number, label: string): Promise<Storage> {
    const memory = new Memory(sizeBytes, label, this.#errors);
    await this.#placeInTurn(memory);
    try {
      await writePieces(memory.home as Home, memory.block as Block, pieces);
    } catch (error) {
      memory.release();
      throw error;
    }
    return new Storage(memory);
  }

  /** The words of a storage. @throws DeviceError, or the error of the work that should have filled it */
  async read(storage: Storage): Promise<Uint32Array> {
    const memory = storage.borrow();
    memory.retain();
    // In the turn that settles it, so that a later donation cannot overtake the copy.
    return new Promise((resolve, reject) => memory.whenSettled(() => void this.#readNow(memory).then(resolve, reject)));
  }

  /** Settles when the work that fills a storage is done. @throws what a read of it would throw */
  async wait(storage: Storage): Promise<void> {
    const memory = storage.borrow();
    memory.retain();
    try {
      await new Promise<void>((resolve) => memory.whenSettled(resolve));
      this.#check(memory);
      await keepAlive(memory.home?.gpu.queue.onSubmittedWorkDone() ?? Promise.resolve());
      if (memory.validation) await memory.validation.promise;
      this.#check(memory);
    } finally {
      memory.release();
    }
  }

  /**
   * Calls a program. Returns at once; errors of the call are stored in its results.
   * @param args arrays; a number that only this call needs as the word that stands for it, if it is not donated
   * @throws DeviceError if an argument is deleted, or donated and passed twice
   */
  launch(lazy: LazyProgram, args: readonly Argument[]): Storage[] {
    const donated = lazy.donated ?? none;
    const memories = borrowArguments(lazy.name, args, donated);
    const results = new Array<Memory>(lazy.resultCount);
    for (let i = 0; i < results.length; i++)
      results[i] = new Memory(lazy.resultBytes[i], lazy.resultLabels?.[i] ?? lazy.name, this.#errors);
    const device = this.#device;
    if (device === undefined || !this.#launchNow(device, lazy, args, memories, results)) {
      for (const i of donated) (args[i] as Storage).consume(lazy.name);
      this.#launchLater(device, lazy, args, memories, results, donated);
    } else for (let i = 0; i < donated.length; i++) (args[donated[i]] as Storage).consume(lazy.name).release();
    const storages = new Array<Storage>(results.length);
    for (let i = 0; i < results.length; i++) storages[i] = new Storage(results[i]);
    return storages;
  }

  /** Compiles a program's pipelines, in parallel. @throws DeviceError naming the kernel that does not compile */
  async load(lazy: LazyProgram): Promise<LoadedProgram> {
    const started = performance.now();
    const device = await this.#acquire();
    const executable = await device.programs.compile(device, lazy);
    await device.warmer.warm(device);
    // Short of memory, or behind constants that are still queued, the first call does it.
    if (executable.constantsPlaced && executable.acquire()) {
      await device.pool.confirmed();
      if (executable.failed) executable.release();
    }
    return { program: executable.program, target: device.target, compileMs: performance.now() - started };
  }

  /** Settles when everything launched so far is done on the device. */
  async idle(): Promise<void> {
    await this.#queue.drained();
    this.#device?.commands.flush();
    await keepAlive(this.#device?.gpu.queue.onSubmittedWorkDone() ?? Promise.resolve()).catch(() => {});
  }

  /** Gives back what a program keeps between calls. A call takes it again. */
  unload(lazy: LazyProgram): void {
    // One that is called before this is queued may be under way.
    if (this.#queue.empty) this.#device?.programs.ready(lazy)?.release();
  }

  /** Gives back what is kept for reuse: idle buffers, and temporaries of programs that do not wait to run. */
  trim(): void {
    const device = this.#device;
    if (device === undefined) return;
    if (this.#queue.empty) device.programs.releaseTemporaries();
    device.pool.trim();
  }

  /**
   * Times every dispatch that `run` launches, each in a pass of its own.
   * @throws DeviceError if the device has no timestamps
   */
  async profile(run: () => unknown): Promise<KernelTiming[]> {
    await this.idle();
    const recorder = new ProfileRecorder(await this.#acquire());
    this.#recorder = recorder;
    try {
      await run();
      await this.#queue.drained();
    } finally {
      this.#recorder = undefined;
    }
    return recorder.finish();
  }

  #acquire(): Promise<Device> {
    if (this.#device) return Promise.resolve(this.#device);
    this.#opening ??= keepAlive(
      openDevice({
        platform: this.platform,
        statistics: this.statistics,
        printKernel: this.#printKernel,
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

  #uploadNow(device: Device, memory: Memory, words: Uint32Array): boolean {
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

  /** Lets go of the memory as soon as its copy is submitted. */
  async #readNow(memory: Memory): Promise<Uint32Array> {
    const { home, block, sizeBytes } = memory;
    let copied: Promise<Uint32Array> | undefined;
    try {
      this.#check(memory);
      copied = readWords(home as Home, block as Block, sizeBytes);
    } finally {
      memory.release();
    }
    const words = await copied;
    if (memory.validation) await memory.validation.promise;
    this.#check(memory);
    const uncaptured = home?.uncaptured;
    if (uncaptured === undefined) return words;
    (home as Home).uncaptured = undefined;
    throw uncaptured;
  }

  #check(memory: Memory): void {
    const { error } = memory;
    if (error === undefined) return;
    this.#errors.read(error);
    throw error;
  }

  /** The steady state. False if anything must be waited for; then nothing has happened. */
  #launchNow(
    device: Device,
    lazy: LazyProgram,
    given: readonly Argument[],
    args: Memory[],
    results: readonly Memory[],
  ): boolean {
    if (!this.#queue.empty) return false;
    const executable = device.programs.ready(lazy);
    if (executable === undefined || executable.waits || !device.scalars.place(given, args)) return false;
    for (let i = 0; i < args.length; i++) if (!args[i].settled) return false;
    if (argumentError(device, args) !== undefined) return false;
    const blocks = takeOutputs(device, executable, args);
    if (blocks === undefined) return false;
    if (device.pool.unconfirmedLarge > 0) {
      for (const block of blocks) device.pool.release(block);
      return false;
    }
    runInto(device, executable, { args, blocks, results, recorder: this.#recorder });
    return true;
  }

  #launchLater(
    known: Device | undefined,
    lazy: LazyProgram,
    given: readonly Argument[],
    args: Memory[],
    results: readonly Memory[],
    donated: readonly number[],
  ): void {
    for (let i = 0; i < given.length; i++) if (typeof given[i] === "number") args[i] = unplaced;
    const kept = [...args.filter((_, i) => typeof given[i] !== "number" && !donated.includes(i)), ...results];
    for (const memory of kept) memory.retain();
    const constants = heldConstants(lazy);
    const held = [...kept, ...donated.map((i) => args[i]), ...constants.filter((memory) => memory !== undefined)];
    this.#queue.push(
      {
        prepare: (device) => void device.programs.compile(device, lazy, constants).catch(() => {}),
        perform: async (device) => {
          const executable = await device.programs.compile(device, lazy, constants);
          const error = argumentError(device, args);
          if (error) return this.#fail(results, held, error);
          const blocks = await this.#obtainMemory(device, executable, given, args);
          const call = { args, blocks, results, recorder: this.#recorder };
          if (executable.waits) await runWaitingInto(device, executable, call);
          else runInto(device, executable, call);
          for (const memory of held) memory.release();
        },
        fail: (error) => this.#fail(results, held, error),
      },
      known,
    );
  }

  /** Gives a memory its block when all that was queued before has run; the device has confirmed it. */
  #placeInTurn(memory: Memory): Promise<void> {
    const { sizeBytes, label } = memory;
    return new Promise((resolve, reject) => {
      const perform = async (device: Device): Promise<void> => {
        const { pool } = device;
        const attempt = async (): Promise<Block | undefined> => {
          const block = pool.allocate(sizeBytes, label);
          if (block === undefined) return undefined;
          await pool.confirmed();
          if (!isFailed(block)) return block;
          pool.release(block);
          return undefined;
        };
        const failure = (): Error => pool.refusal ?? pool.overBudget(sizeBytes, label);
        memory.place(device, await this.#pressure.reclaimUntil(device, attempt, failure), undefined);
        resolve();
      };
      this.#queue.push({ prepare: () => {}, perform, fail: reject }, this.#device);
    });
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
        if (!executable.failed && !blocks.some(isFailed)) return blocks;
        for (const block of blocks) pool.release(block);
        executable.release();
        return undefined;
      },
      () => pool.refusal ?? pool.overBudget(executable.neededBytes, executable.program.name),
    );
  }

  #fail(results: readonly Memory[], held: readonly Memory[], error: Error): void {
    this.#errors.stored(error, this.platform);
    for (const memory of results) memory.fail(error);
    for (const memory of held) memory.release();
  }
}

/** The memory of a program's constants, by index, kept for a launch that waits; undefined for what is no array or deleted. */
const heldConstants = (lazy: LazyProgram): readonly (Memory | undefined)[] =>
  (lazy.constants ?? []).map((constant) => {
    if ("words" in constant || constant.deleted) return undefined;
    const memory = constant.borrow();
    memory.retain();
    return memory;
  });

const isFailed = (block: Block): boolean => block.buffers.some((buffer) => buffer.failed);

let defaultClient: Client | undefined;

/** The client of the default device, made at first use. */
export function getClient(): Client {
  defaultClient ??= new Client();
  return defaultClient;
}
