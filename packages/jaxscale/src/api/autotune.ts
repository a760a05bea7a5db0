/** Choosing schedules by measurement, for programs of the default device. */
import type { Optimized } from "../compile.ts";
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { getClient, type LazyProgram, timerFor } from "../runtime/index.ts";
import { type TuningResult, tuneProgram } from "../tune.ts";

/** Options of `Compiled.autotune`. */
export interface AutotuneOptions {
  /** Time to spend in milliseconds, compilation of candidates included; 5,000 by default. */
  readonly budgetMs?: number;
}

const defaultBudgetMs = 5000;

/** A program that can be replaced by one that is compiled anew. */
interface Tunable {
  program: LazyProgram;
  readonly optimized: Optimized;
}

/** Tunes, and has the program compiled anew at its next use. */
export async function retune(tunable: Tunable, options: AutotuneOptions): Promise<readonly TuningResult[]> {
  const client = getClient();
  const device = await client.device();
  const results = await tuneProgram(tunable.optimized.closed, {
    target: device.target,
    budgetMs: options.budgetMs ?? defaultBudgetMs,
    timerFor: (program) => timerFor(device, program),
    store: client.platform,
  });
  tunable.program = { ...tunable.program };
  return results;
}

/** What tunes a program before its first compilation, under `JAXSCALE_AUTOTUNE=1`. */
export function autotuneOf(closed: ClosedJaxpr): LazyProgram["prepare"] {
  const store = getClient().platform;
  const setting = store.readVariable("JAXSCALE_AUTOTUNE");
  if (!setting || setting === "0") return undefined;
  return async (target, timer) => {
    await tuneProgram(closed, { target, budgetMs: defaultBudgetMs, timerFor: timer, store });
  };
}
