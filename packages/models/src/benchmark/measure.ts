/** Times of a model: prompts of one length taken in, and decoding steps one by one. */
import * as jax from "jaxscale";
import { StepCost } from "../cost/step-cost.ts";
import { choiceOf, type Generating } from "../generate/generate.ts";
import { capacityFor, roomFor, type Sequences, Session } from "../generate/session.ts";
import { type Summary, summaryOf } from "./summary.ts";

/** Sizes of a run: a prefill, and single steps of decoding behind it. */
export interface MeasuredRun {
  readonly batch: number;
  /** Tokens of each prompt. */
  readonly promptTokens: number;
  readonly decodeSteps: number;
}

/** What to measure. */
export interface BenchmarkCase extends MeasuredRun {
  /** Runs before the measured ones; the first compiles. */
  readonly warmup: number;
  readonly repeats: number;
}

/** What the device could do at most. */
export interface Peaks {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Times in ms; docs/benchmarks.md defines the shares. */
export interface BenchmarkResult extends BenchmarkCase {
  /** From the call for the prompts to the first tokens on the host. */
  readonly prefillMs: Summary;
  /** The same with making the caches. */
  readonly firstTokenMs: Summary;
  /** One step: the tokens before in, the next ones on the host. */
  readonly decodeMs: Summary;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** Model FLOPs utilization, 0 to 1. */
  readonly prefillMfu: number;
  readonly decodeMfu: number;
  /** Model bandwidth utilization of decoding, 0 to 1. */
  readonly decodeMbu: number;
  readonly decodeGigabytesPerSecond: number;
  /** Most device memory in use in the measured runs. */
  readonly peakBytes: number;
  /** Of the warm-up runs, which compile. */
  readonly warmupMs: number;
  /** What the figures above were made of. */
  readonly runs: readonly Omit<TimedRun, "tokens">[];
}

/** Times of one run in ms, and the tokens that it chose. */
export interface TimedRun {
  readonly firstTokenMs: number;
  readonly prefillMs: number;
  /** Each step of decoding. */
  readonly stepsMs: readonly number[];
  /** Of each step one a row; the first are those of the prefill. */
  readonly tokens: readonly (readonly number[])[];
}

/** Makes the sequences of a run, with room for its tokens. */
export type SequencesOf = (model: Generating, run: MeasuredRun) => Sequences;

/** Times a model: prefill of prompts of one length, and single steps of decoding. @throws RangeError for sizes that the model has no room for; DeviceError */
export async function measureModel(model: Generating, given: BenchmarkCase, peaks: Peaks): Promise<BenchmarkResult> {
  const startedAt = performance.now();
  for (let i = 0; i < given.warmup; i++) await runOnce(model, given);
  const warmupMs = performance.now() - startedAt;
  const statistics = jax.statistics();
  statistics.peakBytes = statistics.bytesInUse;
  const runs: TimedRun[] = [];
  for (let i = 0; i < given.repeats; i++) runs.push(await runOnce(model, given));
  const prefillMs = summaryOf(runs.map((run) => run.prefillMs));
  const decodeMs = summaryOf(runs.flatMap((run) => run.stepsMs));
  const { batch, promptTokens, decodeSteps } = given;
  const cost = new StepCost(model.model);
  const perStep = (of: "flops" | "bytes"): number => {
    const steps = Array.from({ length: decodeSteps }, (_, step) =>
      cost.decode(new Array<number>(batch).fill(promptTokens + step + 1)),
    );
    return steps.reduce((sum, step) => sum + step[of], 0) / decodeSteps;
  };
  const perSecond = (work: number, { mean }: Summary): number => (1000 * work) / mean;
  const decodeBytes = perSecond(perStep("bytes"), decodeMs);
  return {
    ...given,
    prefillMs,
    firstTokenMs: summaryOf(runs.map((run) => run.firstTokenMs)),
    decodeMs,
    prefillTokensPerSecond: perSecond(batch * promptTokens, prefillMs),
    decodeTokensPerSecond: perSecond(batch, decodeMs),
    prefillMfu: perSecond(batch * cost.prefill(promptTokens).flops, prefillMs) / peaks.flopsPerSecond,
    decodeMfu: perSecond(perStep("flops"), decodeMs) / peaks.flopsPerSecond,
    decodeMbu: decodeBytes / peaks.bytesPerSecond,
    decodeGigabytesPerSecond: decodeBytes / 1e9,
    peakBytes: statistics.peakBytes,
    warmupMs,
    runs: runs.map(({ tokens: _, ...times }) => times),
  };
}

/** Sequences in caches. */
export const cached: SequencesOf = ({ model, executables }, { batch, promptTokens, decodeSteps }) =>
  new Session(model, executables, {
    batch,
    capacity: capacityFor(roomFor({ start: 0, added: promptTokens, maxNewTokens: decodeSteps + 1 })),
    tracksSeen: false,
  });

/** Greedy, to the last step whatever tokens come; a recording has `prefill` and each `decode` annotated. @throws RangeError for sizes that the model has no room for */
export async function runOnce(
  generating: Generating,
  given: MeasuredRun,
  sequencesOf: SequencesOf = cached,
): Promise<TimedRun> {
  const { model, generation } = generating;
  const { batch, promptTokens, decodeSteps } = given;
  const choice = choiceOf(generation, { doSample: false, repetitionPenalty: 1, eosTokenIds: [] });
  const prompts = Array.from({ length: batch }, (_, row) => spread(promptTokens, model.config.vocabSize, row));
  if (promptTokens + decodeSteps + 1 > model.config.maxPositionEmbeddings)
    throw new RangeError(
      `prompt and new tokens must fit the model's ${model.config.maxPositionEmbeddings} positions; got ${promptTokens} and ${decodeSteps}`,
    );
  const startedAt = performance.now();
  const session = sequencesOf(generating, given);
  try {
    const calledAt = performance.now();
    const tokens: number[][] = [];
    const readTokens = async (): Promise<void> => {
      tokens.push([...(await session.choose().data())].slice(0, batch));
    };
    await jax.profiler.annotate("prefill", () => {
      session.prefill(prompts, choice, 0);
      return readTokens();
    });
    let before = performance.now();
    const [firstTokenMs, prefillMs] = [before - startedAt, before - calledAt];
    const stepsMs: number[] = [];
    for (let step = 0; step < decodeSteps; step++) {
      await jax.profiler.annotate("decode", () => {
        session.advance();
        return readTokens();
      });
      const now = performance.now();
      stepsMs.push(now - before);
      before = now;
    }
    return { firstTokenMs, prefillMs, stepsMs, tokens };
  } finally {
    session.dispose();
  }
}

const goldenRatio = 0.618034;
/** Token ids spread over the vocabulary, others for each row. */
const spread = (count: number, vocabSize: number, row: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor((((row + 1) * (i + 1) * goldenRatio) % 1) * vocabSize));
