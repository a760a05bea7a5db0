/** Executables of a device, by the lazy program that they come from; a program's are freed with it. */
import { userFrame } from "../base/call-site.ts";
import { DeviceError } from "../base/errors.ts";
import { recorded } from "../base/host-recorder.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { KernelOrigin, Program, Step } from "../kernel/program.ts";
import type { Device } from "./device.ts";
import { Executable } from "./executable.ts";
import type { ExecutableMemory } from "./executable-memory.ts";
import { keepAlive } from "./keep-alive.ts";
import type { LazyProgram } from "./lazy-program.ts";
import type { Pipeline } from "./pipeline-cache.ts";
import { Memory } from "./storage.ts";

interface Entry {
  executable: Executable | undefined;
  readonly compiled: Promise<Executable>;
}

/** What is left when a program is gone. */
interface Remains {
  memory?: ExecutableMemory;
  executable?: WeakRef<Executable>;
}

/**
 * Nothing here holds an executable but the entry of its program: programs say where they were made, by stacks whose frames V8 keeps, with
 * the functions and objects that ran, among them whatever holds the lazy program.
 */
export class ProgramTable {
  readonly #entries = new WeakMap<LazyProgram, Entry>();
  readonly #executables = new Set<WeakRef<Executable>>();
  readonly #dropped = new FinalizationRegistry<Remains>(({ memory, executable }) => {
    if (executable) this.#executables.delete(executable);
    memory?.dispose();
  });

  /** The executable if it is compiled and has its memory. */
  ready(lazy: LazyProgram): Executable | undefined {
    const executable = this.#entries.get(lazy)?.executable;
    return executable?.ready ? executable : undefined;
  }

  /**
   * Builds the program and starts to compile its kernels, once.
   * @param held the memory of constants, by index, as a launch found it: they may be disposed of before it is compiled
   */
  compile(device: Device, lazy: LazyProgram, held: readonly (Memory | undefined)[] = []): Promise<Executable> {
    const known = this.#entries.get(lazy);
    if (known) return known.compiled;
    const compiled = keepAlive(buildExecutable(device, lazy, held));
    const entry: Entry = { executable: undefined, compiled };
    this.#entries.set(lazy, entry);
    const remains: Remains = {};
    this.#dropped.register(lazy, remains);
    compiled.then(
      (executable) => {
        entry.executable = executable;
        remains.memory = executable.memory;
        remains.executable = new WeakRef(executable);
        this.#executables.add(remains.executable);
      },
      // Whoever launches it learns of the error.
      () => {},
    );
    return compiled;
  }

  /** Whether it is compiled, or about to be. */
  has(lazy: LazyProgram): boolean {
    return this.#entries.has(lazy);
  }

  /** Gives back what executables keep between calls. */
  releaseTemporaries(): void {
    for (const executable of this.#executables) executable.deref()?.release();
  }
}

async function buildExecutable(
  device: Device,
  lazy: LazyProgram,
  held: readonly (Memory | undefined)[],
): Promise<Executable> {
  const constants = (lazy.constants ?? []).map((c, i) =>
    "words" in c ? c : (held[i] ?? ("length" in c ? c[0] : c).borrow()),
  );
  const memories = constants.filter((c) => c instanceof Memory);
  for (const memory of memories) memory.retain();
  try {
    const program = await device.built.get(device, lazy);
    const pipelines = await recorded("compile", program.name, () => compileKernels(device, program));
    return new Executable(device, program, pipelines, constants, lazy.resultLabels ?? []);
  } catch (error) {
    for (const memory of memories) memory.release();
    throw error;
  }
}

async function compileKernels(device: Device, program: Program): Promise<Pipeline[]> {
  const pipelines = await Promise.all(program.kernels.map((kernel, i) => compileKernel(device, program, kernel, i)));
  // The first dispatch compiles a single one as soon as an empty dispatch would.
  if (device.pipelines.freshCount > 1) await device.warmer.warm(device);
  return pipelines;
}

async function compileKernel(device: Device, program: Program, kernel: Kernel, index: number): Promise<Pipeline> {
  try {
    return await device.pipelines.get(kernel);
  } catch (error) {
    if (device.lost) throw device.lost;
    const origin = originOf(program, index);
    const made = origin?.operations.length ? `made from ${origin.operations.join(", ")}` : "of no operation";
    throw new DeviceError(
      `${program.name}: kernel ${kernel.name}, ${made}${describeSite(origin)}, must compile on ${device.found.name}; got: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function originOf(program: Program, kernel: number): KernelOrigin | undefined {
  const find = (steps: readonly Step[]): KernelOrigin | undefined => {
    for (const step of steps) {
      const found = step.kind === "loop" ? find(step.body) : undefined;
      if (found !== undefined) return found;
      if (step.kind === "dispatch" && step.kernel === kernel) return step.origin;
    }
    return undefined;
  };
  return find(program.segments.flatMap(({ steps }) => steps));
}

/** Where the user called the operation. */
function describeSite(origin: KernelOrigin | undefined): string {
  const frame = userFrame(origin?.site);
  return `${origin?.scope ? ` in ${origin.scope}` : ""}${frame ? ` called ${frame}` : ""}`;
}
