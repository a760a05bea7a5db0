/** What is timed of a model. */
import { type LanguageModel, StepCost } from "@jaxscale/models";
import * as jax from "jaxscale";
import { median, takeTurns } from "../statistics.ts";
import { Stepper } from "./stepper.ts";

export interface Effort {
  readonly rounds: number;
}

/** Milliseconds of one work. */
const samplesOf = async (
  work: () => Promise<number>,
  effort: Effort & { readonly warmup: number },
): Promise<number[]> => (await takeTurns({ work }, effort)).work;

const elapsed = async (run: () => jax.Array): Promise<number> => {
  const started = performance.now();
  await run().blockUntilReady();
  return performance.now() - started;
};

export interface Decoded {
  /** Milliseconds of a step. */
  readonly samples: readonly number[];
  readonly bytes: number;
  readonly flops: number;
  readonly submits: number;
  readonly dispatches: number;
  readonly pipelines: number;
}

/** Time of a step, from several that are enqueued together as generation does. */
export async function measureDecode(
  language: LanguageModel,
  { present, capacity, rounds }: { readonly present: number; readonly capacity: number; readonly rounds: number },
): Promise<Decoded> {
  const stepper = new Stepper(language, capacity);
  const steps = 3;
  const run = async (): Promise<number> => {
    let progress = stepper.at(present);
    await progress.state.logits.blockUntilReady();
    const ms = await elapsed(() => {
      for (let i = 0; i < steps; i++) progress = stepper.decode(progress);
      return progress.state.logits;
    });
    return ms / steps;
  };
  const samples = await samplesOf(run, { rounds, warmup: 2 });
  const progress = stepper.at(present);
  await progress.state.logits.blockUntilReady();
  const before = { ...jax.statistics() };
  await stepper.decode(progress).state.logits.blockUntilReady();
  const { submits, dispatches } = jax.statistics();
  const pipelines = stepper.pipelines();
  stepper.dispose();
  const { bytes, flops } = new StepCost(language.model).decode([present]);
  return {
    samples,
    bytes,
    flops,
    submits: submits - before.submits,
    dispatches: dispatches - before.dispatches,
    pipelines,
  };
}

/** Milliseconds of a prompt until its first token is known. */
export async function measurePrefill(language: LanguageModel, tokens: number, effort: Effort): Promise<number[]> {
  const stepper = new Stepper(language, tokens);
  const samples = await samplesOf(() => elapsed(() => stepper.prefill(tokens)), { warmup: 1, ...effort });
  stepper.dispose();
  return samples;
}

/** Milliseconds of the host for a step, the device idle before. */
export async function measureHost(language: LanguageModel, effort: Effort): Promise<number[]> {
  const stepper = new Stepper(language, 128);
  let progress = stepper.at(64);
  const sample = async (): Promise<number> => {
    await progress.state.logits.blockUntilReady();
    const started = performance.now();
    progress = stepper.decode(progress);
    return performance.now() - started;
  };
  const samples = await samplesOf(sample, { warmup: 10, ...effort });
  await progress.state.logits.blockUntilReady();
  stepper.dispose();
  return samples;
}

/** The best that the library's own products reach, in GFLOP/s: square ones, and a prompt with bfloat16 weights. */
export async function bestGemm(effort: Effort): Promise<number> {
  const product = jax.jit((x: jax.Array, w: jax.Array) =>
    jax.numpy.einsum("mk,nk->mn", x, w, { preferredElementType: "float32" }),
  );
  const shapes = [
    [1024, 1024, 1024, "float32"],
    [512, 4096, 4096, "float32"],
    [512, 4096, 4096, "bfloat16"],
  ] as const;
  let best = 0;
  for (const [m, n, k, dtype] of shapes) {
    const [x, w] = [jax.numpy.ones([m, k], { dtype }), jax.numpy.ones([n, k], { dtype })];
    const ms = median(await samplesOf(() => elapsed(() => product(x, w)), { warmup: 2, ...effort }));
    best = Math.max(best, (2 * m * n * k) / ms / 1e6);
    for (const array of [x, w]) array.dispose();
  }
  return best;
}
