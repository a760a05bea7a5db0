/** The GPUs as the API uses them: arrays up, programs over them, arrays down; in order, and without waiting. */
import { platform as currentPlatform } from "#platform";
import { DeviceError } from "../base/errors.ts";
import { recorded } from "../base/host-recorder.ts";
import type { Target } from "../base/target.ts";
import { printWgsl } from "../wgsl/print.ts";
import { adapterRequests, checkRequests } from "./adapter.ts";
import type { Block } from "./buffer-pool.ts";
import { BuiltPrograms } from "./built-programs.ts";
import type { Device } from "./device.ts";
import type { Executable } from "./executable.ts";
import { Gpu } from "./gpu.ts";
import { InProcessTransport } from "./in-process-transport.ts";
import { keepAlive } from "./keep-alive.ts";
import { borrowArguments } from "./launch.ts";
import type { LazyProgram } from "./lazy-program.ts";
import { MemoryPressure } from "./memory-pressure.ts";
import type { PrintKernel } from "./pipeline-cache.ts";
import type { Platform } from "./platform.ts";
import { type KernelTiming, type ProfileClock, ProfileRecorder } from "./profile.ts";
import type { Argument } from "./scalar-rows.ts";
import { newStatistics } from "./statistics.ts";
import { type Home, Memory, Storage } from "./storage.ts";
import { readWords, writePieces } from "./transfer.ts";
import { exchangeTimeoutOf, type Transport, type TransportOptions } from "./transport.ts";
import { UnreadErrors } from "./unread-errors.ts";

export interface ClientOptions {
  readonly platform?: Platform;
  /** Kernel to WGSL; for tests of the runtime alone. */
  readonly printKernel?: PrintKernel;
  /** Where an error goes that nobody read. */
  readonly warn?: (message: string) => void;
  /** What carries exchanges between GPUs. */
  readonly transport?: (options: TransportOptions) => Transport;
}

/** A program whose pipelines are compiled. */
export interface LoadedProgram {
  readonly program: Executable["program"];
  readonly target: Target;
  readonly compileMs: number;
}

/** Times of dispatches and copies, in order of submission on each GPU. */
export interface DeviceProfile {
  readonly clock: ProfileClock;
  readonly timings: readonly KernelTiming[];
}

/** Bytes of an array: whole words. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** GPUs are known by their numbers, in the order in which `JAXSCALE_ADAPTER` names them; where none is given it is the first. */
export class Client {
  readonly statistics = newStatistics();
  readonly platform: Platform;
  readonly #transport: Transport;
  /** By number; absent are those of other processes. */
  readonly #gpus: (Gpu | undefined)[];
  /** Calls on several GPUs so far, by their numbers. */
  readonly #calls = new Map<string, number>();
  readonly #errors: UnreadErrors;
  #requestsChecked: Promise<void> | undefined;

  constructor({
    platform = currentPlatform,
    printKernel = printWgsl,
    warn,
    transport = (options) => new InProcessTransport(options),
  }: ClientOptions = {}) {
    this.platform = platform;
    this.#errors = new UnreadErrors(warn);
    const { statistics } = this;
    const shared = {
      platform,
      statistics,
      printKernel,
      pressure: new MemoryPressure(platform, statistics, () => this.#own.flatMap((gpu) => gpu.device ?? [])),
      errors: this.#errors,
      built: new BuiltPrograms(),
      checkRequests: () =>
        (this.#requestsChecked ??= checkRequests(platform).catch((error: unknown) => {
          // A driver may be installed meanwhile.
          this.#requestsChecked = undefined;
          throw error;
        })),
    };
    const requests = adapterRequests(platform);
    this.#transport = transport({ ownCount: requests.length, timeoutSeconds: exchangeTimeoutOf(platform) });
    this.#gpus = Array.from({ length: this.#transport.gpuCount });
    this.#transport.ownGpus.forEach((number, i) => {
      const copyHere = (storage: Storage): Storage => this.copyTo(number, storage);
      this.#gpus[number] = new Gpu({ ...shared, number, request: requests[i], copyHere });
    });
  }

  /** How many there are, those of other processes included; known before any is opened. */
  get gpuCount(): number {
    return this.#transport.gpuCount;
  }

  /** Numbers of those that this process has. */
  get ownGpus(): readonly number[] {
    return this.#transport.ownGpus;
  }

  /** What programs are compiled for on the first GPU, once it is known; undefined before and after a loss. */
  get target(): Target | undefined {
    return this.targetOf(0);
  }

  /** The same for any GPU. */
  targetOf(gpu: number): Target | undefined {
    return this.#gpu(gpu).device?.target;
  }

  /** Opens a GPU if need be. @throws DeviceError if there is none */
  async ready(gpu = 0): Promise<Target> {
    return (await this.device(gpu)).target;
  }

  /** An open GPU, for measurements and reports. @throws DeviceError if there is none */
  device(gpu = 0): Promise<Device> {
    return this.#gpu(gpu).open();
  }

  /**
   * Words as an array on a GPU. Returns at once; the words are copied.
   * @param label for messages, such as `float32[4,8]`
   */
  upload(words: Uint32Array, sizeBytes = words.byteLength, label = `${sizeBytes} bytes`, gpu = 0): Storage {
    return this.#gpu(gpu).upload(words, sizeBytes, label);
  }

  /**
   * Words that arrive in pieces, `sizeBytes` in all, as an array on a GPU; the host never holds the whole.
   * @param holder who holds the memory, for reports of it
   * @throws DeviceError if there is no memory or the device is lost; what the pieces throw. Then the memory is given back
   */
  async uploadPieces(
    pieces: AsyncIterable<Uint32Array>,
    sizeBytes: number,
    label: string,
    { gpu = 0, holder = label }: { readonly gpu?: number; readonly holder?: string } = {},
  ): Promise<Storage> {
    const memory = this.#gpu(gpu).newMemory(sizeBytes, label);
    await this.#gpu(gpu).placeInTurn(memory, holder);
    try {
      await writePieces(memory.home as Home, memory.block as Block, pieces);
    } catch (error) {
      memory.release();
      throw error;
    }
    return new Storage(memory);
  }

  /**
   * A copy of an array, or of a range of it, on a GPU, through the host. Returns at once; errors are stored in the result.
   * @param label for messages, such as `float32[4,8]`
   */
  copyTo(gpu: number, storage: Storage, range?: ByteRange, label = storage.label): Storage {
    const { offsetBytes, sizeBytes } = range ?? { offsetBytes: 0, sizeBytes: storage.sizeBytes };
    const words = this.#wordsOf(storage, offsetBytes, sizeBytes);
    // It is awaited in the turn of the copy, perhaps long after it failed.
    words.catch(() => {});
    const memory = this.#gpu(gpu).newMemory(sizeBytes, label);
    this.#gpu(gpu).fillLater(memory, () => words);
    return new Storage(memory);
  }

  /** Another handle on the same memory, which the last of them gives back. */
  share(storage: Storage): Storage {
    const memory = storage.borrow();
    const shared = new Memory(memory.sizeBytes, memory.label, this.#errors);
    memory.retain();
    shared.retain();
    memory.whenSettled(() => {
      const { block, home } = memory;
      if (block && home) {
        block.references++;
        shared.place(home, block, memory.validation);
      } else shared.fail(memory.error as Error);
      memory.release();
      shared.release();
    });
    return new Storage(shared);
  }

  /** The words of a storage. @throws DeviceError, or the error of the work that should have filled it */
  read(storage: Storage): Promise<Uint32Array> {
    return this.#wordsOf(storage, 0, storage.sizeBytes);
  }

  /** Settles when the work that fills a storage is done. @throws what a read of it would throw */
  async wait(storage: Storage): Promise<void> {
    const memory = storage.borrow();
    memory.retain();
    try {
      await new Promise<void>((resolve) => memory.whenSettled(resolve));
      this.#check(memory);
      const done = (): Promise<unknown> => memory.home?.gpu.queue.onSubmittedWorkDone() ?? Promise.resolve();
      await recorded("wait", memory.label, () => keepAlive(done()));
      if (memory.validation) await memory.validation.promise;
      this.#check(memory);
    } finally {
      memory.release();
    }
  }

  /**
   * Calls a program on the GPU on which its arguments lie. Returns at once; errors of the call are stored in its results.
   * @param args arrays; a number that only this call needs as the word that stands for it, if it is not donated
   * @throws DeviceError if an argument is deleted, or donated and passed twice
   */
  launch(lazy: LazyProgram, args: readonly Argument[], gpu = 0): Storage[] {
    return this.#gpu(gpu).launch(lazy, args);
  }

  /**
   * Calls a program on several GPUs at once; its collectives are exchanges among them.
   * @param gpus their numbers, in row-major order of their places along `Program.gpuAxes`
   * @param argsPerGpu what `launch` takes, for each of `gpus` that this process has
   * @returns the results on each of them
   * @throws DeviceError as `launch` does; then no GPU was called
   */
  launchOn(gpus: readonly number[], lazy: LazyProgram, argsPerGpu: readonly (readonly Argument[])[]): Storage[][] {
    for (const args of argsPerGpu) borrowArguments(lazy.name, args, lazy.donated ?? []);
    const key = String(gpus);
    const count = (this.#calls.get(key) ?? 0) + 1;
    this.#calls.set(key, count);
    const own = gpus.flatMap((number, index) => (this.#gpus[number] ? [{ number, index }] : []));
    const parts = own.map(({ number, index }) => ({
      gpus,
      index,
      member: this.#transport.join(`${key} #${count}`, gpus, number),
    }));
    return own.map(({ number }, i) => this.#gpu(number).launch(lazy, argsPerGpu[i], parts[i]));
  }

  /**
   * Compiles a program's pipelines, in parallel.
   * @param gpus those that it is to run on, in the order that `launchOn` takes
   * @throws DeviceError naming the kernel that does not compile
   */
  async load(lazy: LazyProgram, gpus: readonly number[] = [0]): Promise<LoadedProgram> {
    const started = performance.now();
    const own = gpus.flatMap((number, index) => (this.#gpus[number] ? [{ number, index }] : []));
    const [program] = await Promise.all(own.map(({ number, index }) => this.#gpu(number).load(lazy, { gpus, index })));
    return { program, target: await this.ready(own[0].number), compileMs: performance.now() - started };
  }

  /** Settles when everything launched so far is done on all GPUs. */
  async idle(): Promise<void> {
    await Promise.all(this.#own.map((gpu) => gpu.idle()));
  }

  /** Gives back what a program keeps between calls. A call takes it again. */
  unload(lazy: LazyProgram): void {
    for (const gpu of this.#own) gpu.unload(lazy);
  }

  /** Gives back what is kept for reuse: idle buffers, and temporaries of programs that do not wait to run. */
  trim(): void {
    for (const gpu of this.#own) gpu.trim();
  }

  /** Ends exchanges that are under way, and gives the GPUs back; errors of what was not done are those of its results. */
  dispose(): void {
    this.#transport.dispose();
    for (const gpu of this.#own) gpu.device?.gpu.destroy();
  }

  /**
   * Records every dispatch and copy from now on, each in a pass of its own, on all GPUs; where a GPU has no timestamps, each
   * is a submit of its own that the host waits for.
   * @returns what ends it, and gives the times when all that was launched is done
   */
  async record(): Promise<() => Promise<DeviceProfile>> {
    await this.idle();
    const recorders = await Promise.all(
      this.#own.map(async (gpu, i) => new ProfileRecorder(await gpu.open(), this.ownGpus[i])),
    );
    await Promise.all(recorders.map((recorder) => recorder.calibrate()));
    this.#own.forEach((gpu, i) => {
      gpu.recorder = recorders[i];
    });
    return async () => {
      await Promise.all(this.#own.map(({ queue }) => queue.drained()));
      for (const gpu of this.#own) gpu.recorder = undefined;
      const timings = await Promise.all(recorders.map((recorder) => recorder.finish()));
      const clock = recorders.some(({ timesSubmits }) => timesSubmits) ? "submits" : "timestamps";
      return { clock, timings: timings.flat() };
    };
  }

  /** The same for what `run` launches. */
  async profile(run: () => unknown): Promise<DeviceProfile> {
    const stop = await this.record();
    try {
      await run();
    } catch (error) {
      await stop();
      throw error;
    }
    return stop();
  }

  /** Device memory in use, by who holds it: of all GPUs. */
  heldMemory(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const { device } of this.#own)
      for (const [holder, { sizeBytes }] of device?.pool.held() ?? [])
        held.set(holder, (held.get(holder) ?? 0) + sizeBytes);
    return held;
  }

  get #own(): readonly Gpu[] {
    return this.#gpus.filter((gpu) => gpu !== undefined);
  }

  #gpu(number: number): Gpu {
    const gpu = this.#gpus[number];
    if (gpu === undefined)
      throw new DeviceError(`GPU: must be one of this process, which has ${this.ownGpus}; got ${number}`);
    return gpu;
  }

  async #wordsOf(storage: Storage, offsetBytes: number, sizeBytes: number): Promise<Uint32Array> {
    const memory = storage.borrow();
    memory.retain();
    // In the turn that settles it, so that a later donation cannot overtake the copy.
    return new Promise((resolve, reject) =>
      memory.whenSettled(() => void this.#readNow(memory, offsetBytes, sizeBytes).then(resolve, reject)),
    );
  }

  /** Lets go of the memory as soon as its copy is submitted. */
  async #readNow(memory: Memory, offsetBytes: number, sizeBytes: number): Promise<Uint32Array> {
    const { home, block } = memory;
    let copied: Promise<Uint32Array> | undefined;
    try {
      this.#check(memory);
      copied = readWords(home as Home, block as Block, sizeBytes, offsetBytes);
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
}

let defaultClient: Client | undefined;

/** The client of the default device, made at first use. */
export function getClient(): Client {
  defaultClient ??= new Client();
  return defaultClient;
}
