/** What each step of optimisation gives: the same generation, from operations one by one to compiled programs on several devices. */
import * as jax from "jaxscale";
import { generationPrograms } from "../cost/planned-programs.ts";
import { Executables, type Jit } from "../generate/executables.ts";
import type { Generating } from "../generate/generate.ts";
import { Recomputation } from "../generate/recomputation.ts";
import { paddedWidth } from "../generate/session.ts";
import type { LanguageModel } from "../language-model.ts";
import type { Parallelism } from "../parallel/parallelism.ts";
import { type BenchmarkCase, cached, runOnce, type SequencesOf, type TimedRun } from "./measure.ts";
import { type Summary, summaryOf } from "./summary.ts";

/** Where the time of a step goes, in ms. The parts add up to the step, or to its kernels where those, timed one by one, took longer. */
export interface StepParts {
  /** In which no kernel ran: the host traces, launches and waits for tokens. */
  readonly host: number;
  /** What kernels bound by memory would take at the adapter's roof. */
  readonly memory: number;
  /** What kernels bound by arithmetic would take at the adapter's roof. */
  readonly arithmetic: number;
  /** What kernels took beyond their roofs. */
  readonly "below roofs": number;
}

/** A rung that was measured. */
export interface MeasuredRung {
  readonly name: string;
  readonly prefillMs: Summary;
  readonly decodeMs: Summary;
  /** Of all rows, by the median step. */
  readonly tokensPerSecond: number;
  /** Against the first rung that was measured. */
  readonly speedUp: number;
  readonly parts: StepParts;
  /** The largest part. */
  readonly binds: keyof StepParts;
  /** New tokens before the first that differs from the first rung's; undefined if none does. */
  readonly differsAfter?: number;
  /** Of the runs that compile, tuning included. */
  readonly warmupMs: number;
}

/** A rung, or why it could not be measured. */
export type LadderRung = MeasuredRung | { readonly name: string; readonly error: string };

/** Options of `measureLadder`. */
export interface LadderOptions {
  /** Loads the model; the one before is disposed of by then. */
  readonly load: (parallelism: Parallelism) => Promise<LanguageModel>;
  /** Devices of the last rung. */
  readonly tp: number;
}

/** Runs operations one by one, each a program of its own. */
const eager: Jit = (f, options) => {
  const { lower, clearCache } = jax.jit(f, options);
  return Object.assign(((...args) => f(...args)) as typeof f, { lower, clearCache });
};

const withoutDonation: Jit = (f, options) => jax.jit(f, { ...options, donateArgnums: [] });

const recomputed: SequencesOf = ({ model, executables }, { batch, promptTokens, decodeSteps }) =>
  new Recomputation(model, executables, {
    batch,
    capacity: paddedWidth(promptTokens + decodeSteps + 1),
    tracksSeen: false,
  });

interface Way {
  readonly name: string;
  readonly jit: Jit;
  readonly sequencesOf: SequencesOf;
  readonly isTuned?: boolean;
}

const ways: readonly Way[] = [
  { name: "eager, no cache", jit: eager, sequencesOf: recomputed },
  { name: "eager, cache", jit: eager, sequencesOf: cached },
  { name: "jit, no cache", jit: jax.jit, sequencesOf: recomputed },
  { name: "jit + cache", jit: withoutDonation, sequencesOf: cached },
  { name: "jit + cache + donation", jit: jax.jit, sequencesOf: cached },
];
const tuned: Way = { name: "tuned schedules", jit: jax.jit, sequencesOf: cached, isTuned: true };

/**
 * Measures one generation in all ways. Those on one device take turns, so that whatever else runs disturbs all alike. Tuned
 * schedules stay in use in this process. A rung that fails has its error.
 */
export async function* measureLadder(
  given: BenchmarkCase,
  { load, tp }: LadderOptions,
): AsyncGenerator<LadderRung, void, undefined> {
  let first: { readonly tokens: TimedRun["tokens"]; readonly tokensPerSecond: number } | undefined;
  const compared = ({ tokens, ...rung }: RungAlone): MeasuredRung => {
    first ??= { tokens, tokensPerSecond: rung.tokensPerSecond };
    const place = tokens.findIndex((row, i) => row.join() !== first?.tokens[i].join());
    const differs = place < 0 ? {} : { differsAfter: place };
    return { ...rung, ...differs, speedUp: rung.tokensPerSecond / first.tokensPerSecond };
  };
  const stages = [
    { ways: [...ways, tuned], parallelism: {} },
    { ways: [{ ...tuned, name: `TP = ${tp}` }], parallelism: { tp } },
  ];
  for (const { ways, parallelism } of stages)
    for (const rung of await measureWays(ways, given, () => load(parallelism), parallelism))
      yield hasFailed(rung) ? rung : compared(rung);
}

type RungAlone = Omit<MeasuredRung, "speedUp" | "differsAfter"> & Pick<TimedRun, "tokens">;
type Failed = Extract<LadderRung, { error: string }>;

/** A way under measurement. */
interface Climber {
  readonly name: string;
  readonly run: () => Promise<TimedRun>;
  readonly warmupMs: number;
  readonly runs: readonly TimedRun[];
}

async function attempt<T>(name: string, f: () => Promise<T>): Promise<T | Failed> {
  try {
    return await f();
  } catch (error) {
    return { name, error: error instanceof Error ? error.message : String(error) };
  } finally {
    jax.trimMemory();
  }
}

const hasFailed = (x: object): x is Failed => "error" in x;

async function measureWays(
  ways: readonly Way[],
  given: BenchmarkCase,
  load: () => Promise<LanguageModel>,
  parallelism: Parallelism,
): Promise<(RungAlone | Failed)[]> {
  const model = await attempt("", load);
  if (hasFailed(model)) return ways.map(({ name }) => ({ name, error: model.error }));
  const climbers: (Climber | Failed)[] = [];
  for (const way of ways) climbers.push(await attempt(way.name, () => prepared(model, way, given, parallelism)));
  for (let round = 0; round < given.repeats; round++)
    for (const [i, climber] of climbers.entries()) {
      if (hasFailed(climber)) continue;
      const another = async () => ({ ...climber, runs: [...climber.runs, await climber.run()] });
      climbers[i] = await attempt(climber.name, another);
    }
  const rungs: (RungAlone | Failed)[] = [];
  for (const climber of climbers)
    rungs.push(hasFailed(climber) ? climber : await attempt(climber.name, () => rungOf(climber, given.batch)));
  model.dispose();
  return rungs;
}

/** Tunes if the way wants it, and compiles. */
async function prepared(
  { model, generation }: LanguageModel,
  { name, jit, sequencesOf, isTuned = false }: Way,
  given: BenchmarkCase,
  parallelism: Parallelism,
): Promise<Climber> {
  const { batch, promptTokens, decodeSteps, warmup } = given;
  const startedAt = performance.now();
  if (isTuned) {
    const { config, dtype } = model;
    const options = { doSample: false, repetitionPenalty: 1 };
    const sizes = { batch, promptTokens, maxNewTokens: decodeSteps + 1 };
    for (const program of generationPrograms({ config, generation, dtype, options, parallelism, ...sizes }))
      await program.tune();
  }
  const generating: Generating = { model, generation, executables: new Executables(model, jit) };
  const run = (): Promise<TimedRun> => runOnce(generating, given, sequencesOf);
  for (let i = 0; i < warmup; i++) await run();
  return { name, run, warmupMs: performance.now() - startedAt, runs: [] };
}

async function rungOf({ name, run, runs, warmupMs }: Climber, batch: number): Promise<RungAlone> {
  const decodeMs = summaryOf(runs.flatMap(({ stepsMs }) => stepsMs));
  const recording = await jax.profiler.record(run);
  const parts = partsOf(recording.during("decode"), decodeMs.p50);
  const [[binds]] = (Object.entries(parts) as [keyof StepParts, number][]).sort(([, a], [, b]) => b - a);
  return {
    name,
    prefillMs: summaryOf(runs.map(({ prefillMs }) => prefillMs)),
    decodeMs,
    tokensPerSecond: (1000 * batch) / decodeMs.p50,
    parts,
    binds,
    warmupMs,
    tokens: runs[0].tokens,
  };
}

/** @param stepMs of a step while nothing is recorded: recording makes steps longer, and kernels not */
function partsOf({ kernels, count }: jax.profiler.Stretch, stepMs: number): StepParts {
  const mean = (of: (kernel: jax.profiler.KernelProfile) => number): number =>
    kernels.reduce((sum, kernel) => sum + of(kernel), 0) / count;
  // Caches may serve what is counted as memory, so that shares exceed 1.
  const atRoof = (bound: "memory" | "arithmetic"): number =>
    mean(({ boundBy, elapsedMs, shareOfRoof }) => (boundBy === bound ? elapsedMs * Math.min(1, shareOfRoof) : 0));
  const [kernelMs, memory, arithmetic] = [mean(({ elapsedMs }) => elapsedMs), atRoof("memory"), atRoof("arithmetic")];
  return { host: Math.max(0, stepMs - kernelMs), memory, arithmetic, "below roofs": kernelMs - memory - arithmetic };
}
