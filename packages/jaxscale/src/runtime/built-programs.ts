/** Programs as they are built for a target, which GPUs of one kind share. */
import { invariant } from "../base/errors.ts";
import type { Program } from "../kernel/program.ts";
import type { Device } from "./device.ts";
import type { LazyProgram } from "./lazy-program.ts";
import { timerFor } from "./program-timer.ts";

export class BuiltPrograms {
  /** By the target's text. */
  readonly #known = new WeakMap<LazyProgram, Map<string, Promise<Program>>>();

  /** Builds it once for each target. @throws what building throws; the next one asks again */
  get(device: Device, lazy: LazyProgram): Promise<Program> {
    let programs = this.#known.get(lazy);
    if (programs === undefined) this.#known.set(lazy, (programs = new Map()));
    const known = programs;
    const key = JSON.stringify(device.target);
    let program = known.get(key);
    if (program === undefined) {
      known.set(key, (program = build(device, lazy)));
      program.catch(() => known.delete(key));
    }
    return program;
  }
}

async function build(device: Device, lazy: LazyProgram): Promise<Program> {
  await lazy.prepare?.(device.target, (program) => timerFor(device, program));
  const program = lazy.build(device.target);
  invariant(
    String(program.donated) === String(lazy.donated ?? []),
    `${lazy.name} donates arguments [${program.donated}] but announced [${lazy.donated ?? []}]`,
  );
  return program;
}
