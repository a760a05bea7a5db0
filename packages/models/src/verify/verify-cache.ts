/** Decoding through the caches held against computing everything anew. */
import { architectureOf } from "../architectures.ts";
import { errorsBetween } from "../compare/errors.ts";
import type { CausalLM } from "../model.ts";
import { likeliest, padded } from "../token-rows.ts";
import { type Forced, ForcedDecoding } from "./forced-decoding.ts";

/** Options of `verifyCaches`. */
export interface VerifyCacheOptions {
  /** Token ids. */
  readonly prompt: readonly number[];
  /** Tokens that follow it: the likeliest ones. */
  readonly newTokens: number;
  readonly dtype: "float32" | "bfloat16";
}

/** Logits of one token. */
export interface VerifiedStep {
  /** Place of the token that they follow. */
  readonly place: number;
  readonly maxAbs: number;
  /** The likeliest token is the same. */
  readonly agrees: boolean;
  /** False where bfloat16 chose other experts than float32, as near ties do: such a token is not judged. */
  readonly judged: boolean;
}

/** One way through the caches. */
export interface VerifiedWay {
  readonly name: string;
  readonly steps: readonly VerifiedStep[];
  readonly maxAbs: number;
  readonly rmsRelative: number;
  readonly allowed: { readonly maxAbs: number; readonly rmsRelative?: number };
  readonly passed: boolean;
}

/** What `verifyCaches` found. */
export interface CacheVerification {
  readonly tokens: readonly number[];
  readonly ways: readonly VerifiedWay[];
  readonly passed: boolean;
}

/**
 * Takes tokens in through the caches in three ways: one by one behind the prompt, as generation does; in chunks, as long prompts
 * come; and all at once. Latent attention computes the first step of a sequence in the expanded form, and all that reads caches in
 * the absorbed one: so the last way holds one form against the other.
 *
 * What is allowed is what the reference files of compare allow. In float32 against a recomputation at every step:
 * 2e-5 · max(1, largest logit); two float32 runs of transformers, one with a cache and one without, lie 1e-5 apart. In bfloat16 both
 * the caches and the recomputation round, at different places; each is held against float32, and the caches may have 3 × the largest
 * and 2 × the root mean square error of the recomputation.
 * @param load gives the model in a dtype; the one before is disposed of by then
 * @throws RangeError for a prompt that is empty or too long
 */
export async function verifyCaches(
  load: (dtype: VerifyCacheOptions["dtype"]) => Promise<{ readonly model: CausalLM; dispose(): void }>,
  options: VerifyCacheOptions,
): Promise<CacheVerification> {
  const exact = await load("float32");
  const { tokens, steps } = await recomputeSteps(exact.model, options);
  // Behind the last token nothing is asked.
  const reference = await readAll(new ForcedDecoding(exact.model).recompute([tokens]));
  const first = options.prompt.length - 1;
  const size = exact.model.config.vocabSize;
  if (options.dtype === "float32") {
    // At every step anew, with what was known then.
    steps.forEach((logits, i) => {
      reference.logits.set(logits, (first + i) * size);
    });
    const ways = await throughCaches(exact.model, tokens, first, (name, from, run) =>
      wayOf({ name, from, run, reference, own: undefined, size }),
    );
    exact.dispose();
    return { tokens, ways, passed: ways.every(({ passed }) => passed) };
  }
  exact.dispose();
  const rounded = await load("bfloat16");
  const own = await readAll(new ForcedDecoding(rounded.model).recompute([tokens]));
  const ways = await throughCaches(rounded.model, tokens, first, (name, from, run) =>
    wayOf({ name, from, run, reference, own, size }),
  );
  rounded.dispose();
  return { tokens, ways, passed: ways.every(({ passed }) => passed) };
}

/** On the host. */
interface Run {
  /** `[T,V]` */
  readonly logits: Float32Array;
  /** Of each token, those of all layers. */
  readonly experts: readonly string[];
}

/** The likeliest tokens behind the prompt, and the logits that each was chosen by. */
async function recomputeSteps(
  model: CausalLM,
  { prompt, newTokens }: VerifyCacheOptions,
): Promise<{ readonly tokens: number[]; readonly steps: readonly Float32Array[] }> {
  const { maxPositionEmbeddings } = model.config;
  const total = prompt.length + newTokens;
  if (prompt.length === 0 || total > maxPositionEmbeddings)
    throw new RangeError(
      `verifyCaches: the prompt and ${newTokens} new tokens must be from 1 to ${maxPositionEmbeddings} tokens; got a prompt of ${prompt.length}`,
    );
  const forced = new ForcedDecoding(model);
  const tokens = [...prompt];
  const steps: Float32Array[] = [];
  while (tokens.length < total) {
    const logits = forced.recomputeAt(padded([tokens], total), [tokens.length - 1]);
    const data = (await logits.data()) as Float32Array;
    logits.dispose();
    steps.push(data);
    tokens.push(likeliest(data, data.length));
  }
  return { tokens, steps };
}

type Judge = (name: string, from: number, run: Run) => VerifiedWay;

async function throughCaches(
  model: CausalLM,
  tokens: readonly number[],
  first: number,
  judge: Judge,
): Promise<VerifiedWay[]> {
  const forced = new ForcedDecoding(model);
  const total = tokens.length;
  const chunk = Math.ceil(total / 3);
  const through = async (widths: readonly number[], isFirst: boolean): Promise<Run> => {
    const sequence = forced.begin(1, total + chunk);
    const runs: Run[] = [];
    let at = 0;
    for (const width of widths) {
      const rows = padded([tokens.slice(at, at + width)], width);
      runs.push(await readAll(sequence.take(rows, at === 0 && isFirst ? undefined : [at])));
      at += width;
    }
    sequence.dispose();
    return joined(runs, total);
  };
  const single = new Array<number>(total - first - 1).fill(1);
  const { attentionForms: forms } = architectureOf(model.config);
  return [
    judge("token by token", first, await through([first + 1, ...single], true)),
    judge(`in chunks of ${chunk}`, 0, await through([chunk, chunk, chunk], true)),
    judge(`all at once${forms ? `, ${forms.cached} against ${forms.first}` : ""}`, 0, await through([total], false)),
  ];
}

function joined(runs: readonly Run[], total: number): Run {
  const size = runs[0].logits.length / runs[0].experts.length;
  const logits = new Float32Array(runs.reduce((sum, run) => sum + run.logits.length, 0));
  let at = 0;
  for (const run of runs) {
    logits.set(run.logits, at);
    at += run.logits.length;
  }
  // The last chunk may be padded.
  return { logits: logits.subarray(0, total * size), experts: runs.flatMap((run) => run.experts).slice(0, total) };
}

async function readAll({ logits, experts }: Forced): Promise<Run> {
  const count = logits.shape[1];
  const chosen = await experts?.data();
  const [layers, , , k] = experts?.shape ?? [0, 0, 0, 0];
  const expertsAt = (t: number): string =>
    Array.from({ length: layers * k }, (_, i) => chosen?.[(Math.floor(i / k) * count + t) * k + (i % k)]).join();
  const run = {
    logits: (await logits.data()) as Float32Array,
    experts: Array.from({ length: count }, (_, t) => expertsAt(t)),
  };
  logits.dispose();
  experts?.dispose();
  return run;
}

interface Verified {
  readonly name: string;
  /** The first place that is judged. */
  readonly from: number;
  readonly run: Run;
  /** In float32, and in the run's own dtype without caches where that is another. */
  readonly reference: Run;
  readonly own: Run | undefined;
  readonly size: number;
}

function wayOf({ name, from, run, reference, own, size }: Verified): VerifiedWay {
  const places = Array.from({ length: run.experts.length - from }, (_, i) => from + i);
  const isJudged = (place: number): boolean =>
    !own || (run.experts[place] === reference.experts[place] && own.experts[place] === reference.experts[place]);
  const errorsOf = (values: Float32Array, columns: readonly number[]) =>
    errorsBetween(
      reference.logits,
      { values, atColumns: true },
      { shape: [1, reference.experts.length, size], alongKeys: false },
      { columns: [columns], counts: () => true },
    );
  const judged = places.filter(isJudged);
  const { maxAbs, rmsRelative, largest } = errorsOf(run.logits, judged);
  const ownErrors = own && errorsOf(own.logits, judged);
  const allowed = ownErrors
    ? { maxAbs: 3 * ownErrors.maxAbs, rmsRelative: 2 * ownErrors.rmsRelative }
    : { maxAbs: 2e-5 * Math.max(1, largest) };
  const within = maxAbs <= allowed.maxAbs && rmsRelative <= (allowed.rmsRelative ?? Number.POSITIVE_INFINITY);
  const steps = places.map((place) => ({
    place,
    maxAbs: errorsOf(run.logits, [place]).maxAbs,
    agrees: likeliest(run.logits, size, place * size) === likeliest(reference.logits, size, place * size),
    judged: isJudged(place),
  }));
  // Where most tokens cannot be judged nothing is shown.
  return { name, steps, maxAbs, rmsRelative, allowed, passed: within && 2 * judged.length >= places.length };
}
