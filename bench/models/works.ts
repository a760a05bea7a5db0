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

/** Milliseconds of a step, of several that are enqueued together as generation does. */
async function timeSteps(stepper: Stepper, present: number): Promise<number> {
  const steps = 3;
  let progress = stepper.at(present);
  await progress.state.logits.blockUntilReady();
  const ms = await elapsed(() => {
    for (let i = 0; i < steps; i++) progress = stepper.decode(progress);
    return progress.state.logits;
  });
  return ms / steps;
}

/** Samples of several models by their names, in milliseconds: models take turns. */
type SamplesByName = Readonly<Record<string, readonly number[]>>;

/** Decoding steps, and prompts until their first token, of models that take turns. */
export async function compareModels(
  languages: Readonly<Record<string, LanguageModel>>,
  { present, tokens, rounds }: { readonly present: number; readonly tokens: number; readonly rounds: number },
): Promise<{ readonly decode: SamplesByName; readonly prefill: SamplesByName }> {
  const steppers = Object.entries(languages).map(([name, language]) => [name, new Stepper(language, tokens)] as const);
  const turns = (work: (stepper: Stepper) => Promise<number>) =>
    Object.fromEntries(steppers.map(([name, stepper]) => [name, () => work(stepper)]));
  const decode = await takeTurns(
    turns((stepper) => timeSteps(stepper, present)),
    { rounds, warmup: 2 },
  );
  const prefill = await takeTurns(
    turns((stepper) => elapsed(() => stepper.prefill(tokens))),
    {
      rounds: Math.min(rounds, 3),
      warmup: 1,
    },
  );
  for (const [, stepper] of steppers) stepper.dispose();
  return { decode, prefill };
}

/** Time of a step. */
export async function measureDecode(
  language: LanguageModel,
  { present, capacity, rounds }: { readonly present: number; readonly capacity: number; readonly rounds: number },
): Promise<Decoded> {
  const stepper = new Stepper(language, capacity);
  const samples = await samplesOf(() => timeSteps(stepper, present), { rounds, warmup: 2 });
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
