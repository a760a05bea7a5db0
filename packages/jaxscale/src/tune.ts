/** Chooses schedules by measurement: every distinct group of a program, alone, with each candidate. */
import type { Target } from "./base/target.ts";
import { compile, fusionsOf } from "./compile.ts";
import { defaultParameters } from "./fuse/parameters.ts";
import { type Candidate, scheduleVersion } from "./fuse/tuning/candidates.ts";
import { type TuningTask, tuningTasks } from "./fuse/tuning/tasks.ts";
import type { ClosedJaxpr } from "./jaxpr/ir.ts";
import type { Program } from "./kernel/program.ts";
import { findFastest, type Runner } from "./tune/search.ts";
import { addTuned, tunedFor } from "./tune/table.ts";
import { readWinners, type TextStore, writeWinners } from "./tune/winners.ts";

/** What a class of groups was found to run fastest with. */
export interface TuningResult {
  readonly shapeClass: string;
  /** Parameters that differ from the adapter's defaults; empty if the defaults stay. */
  readonly parameters: Candidate;
  /** Undefined for a result of an earlier run. */
  readonly defaultMs?: number;
  readonly tunedMs?: number;
  readonly compared: number;
  /** False if the budget cut the comparison short: then it is made again another time. */
  readonly complete: boolean;
}

export interface TuneOptions {
  readonly target: Target;
  /** Time to spend on this program, compilation of candidates included. */
  readonly budgetMs: number;
  /** Makes a program ready to be timed; undefined if it cannot run by itself. */
  readonly timerFor: (program: Program) => Promise<Runner | undefined>;
  /** Where winners are kept. */
  readonly store: TextStore;
  /** Milliseconds. */
  readonly now?: () => number;
}

/**
 * Tunes what is not known yet of a program's groups, most work first. Compilations after it use what was found.
 * @param optimized from `optimize`
 */
export async function tuneProgram(optimized: ClosedJaxpr, options: TuneOptions): Promise<readonly TuningResult[]> {
  const { target, budgetMs, store, now = () => performance.now() } = options;
  const key = keyOf(target);
  const deadline = now() + budgetMs;
  addTuned(target, readWinners(store, key, defaultParameters(target)));
  const tasks = tuningTasks(fusionsOf(optimized, target), target);
  const found = new Map<string, Candidate>();
  const results: TuningResult[] = [];
  let weight = tasks.reduce((sum, task) => sum + (tunedFor(target).has(task.shapeClass) ? 0 : task.weight), 0);
  for (const task of tasks) {
    const { shapeClass } = task;
    const known = tunedFor(target).get(shapeClass);
    if (known) {
      results.push({ shapeClass, parameters: known, compared: 0, complete: true });
      continue;
    }
    // Each gets its part of the time that is left, but enough for a comparison.
    const left = deadline - now();
    const share = Math.min(left, Math.max((left * task.weight) / Math.max(1, weight), budgetMs / 20));
    weight -= task.weight;
    const result = share > 0 ? await tuneTask(task, { ...options, budgetMs: share, now }) : undefined;
    if (!result) continue;
    results.push(result);
    addTuned(target, new Map([[shapeClass, result.parameters]]));
    if (result.complete) found.set(shapeClass, result.parameters);
  }
  if (found.size > 0) writeWinners(store, key, found);
  return results;
}

async function tuneTask(task: TuningTask, options: TuneOptions): Promise<TuningResult | undefined> {
  const { target, budgetMs, timerFor, now = () => performance.now() } = options;
  const defaults = defaultParameters(target);
  const contestants = distinct([{}, ...task.candidates], (candidate) => ({ ...defaults, ...candidate })).map(
    (candidate) => ({
      candidate,
      prepare: (): Promise<Runner | undefined> =>
        timerFor(
          compile(task.program, target, {
            name: "tuning",
            donated: [],
            parameters: { ...defaults, ...candidate },
          }),
        ),
    }),
  );
  const finding = await findFastest(contestants, { budgetMs, now });
  if (!finding) return undefined;
  const { candidate, bestMs, firstMs, compared, complete } = finding;
  return {
    shapeClass: task.shapeClass,
    parameters: candidate,
    defaultMs: firstMs,
    tunedMs: bestMs,
    compared,
    complete,
  };
}

/** Without repeats of what amounts to the same. */
function distinct<C>(candidates: readonly C[], meaning: (candidate: C) => unknown): C[] {
  const seen = new Map<string, C>();
  for (const candidate of candidates) {
    const key = JSON.stringify(meaning(candidate));
    if (!seen.has(key)) seen.set(key, candidate);
  }
  return [...seen.values()];
}

/** Adapter, driver, what of them changes kernels, and the version of the schedules. */
const keyOf = ({ name, features, subgroupSize, limits }: Target): string =>
  `${name} | ${JSON.stringify({ features, subgroupSize, invocations: limits.maxComputeInvocationsPerWorkgroup })} | schedules ${scheduleVersion}`;
