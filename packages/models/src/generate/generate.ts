/** Text, token by token: prompts in, an async iterator of tokens out. */
import type * as jax from "jaxscale";
import type { GenerationConfig } from "../config/generation.ts";
import type { CausalLM } from "../model.ts";
import type { Choice, Executables } from "./executables.ts";
import { Recomputation } from "./recomputation.ts";
import { needsSeen, noToken, type Sampling } from "./sampling.ts";
import { capacityFor, paddedWidth, roomFor, type Sequences, Session } from "./session.ts";
import { Meter, type Usage } from "./usage.ts";

/** What is not given comes from the checkpoint's `generation_config.json`, then from the defaults of transformers. */
export interface GenerateOptions extends Partial<Sampling> {
  readonly maxNewTokens?: number;
  /** Any of them ends a row; none: rows go on to the end. */
  readonly eosTokenIds?: readonly number[];
  readonly padTokenId?: number;
  /** Of drawn tokens; 0 if absent. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Steps that are enqueued before the first of them is read. */
  readonly stepsAhead?: number;
  /** False: no caches, every step computes all tokens anew, which gives the same tokens; true if absent. */
  readonly useCache?: boolean;
}

/** Why a row ended: it gave an end-of-sequence token, or as many tokens as were asked for. */
export type FinishReason = "stop" | "length";

/** One token for each row. */
export interface GeneratedStep {
  /** One a row; rows that have ended give padding. */
  readonly tokens: readonly number[];
  /** Whether each row still goes on, this token not counting as its end. */
  readonly active: readonly boolean[];
  /** Rows that this token ends, and why: it is an end-of-text token, or there are as many as were wanted. */
  readonly finished: readonly (FinishReason | undefined)[];
}

/** What generation needs of a model. */
export interface Generating {
  readonly model: CausalLM;
  readonly generation: GenerationConfig;
  readonly executables: Executables;
}

/**
 * Continues prompts, all at once; they may differ in length. Tokens are chosen on the device, some steps ahead of those that are
 * read. Ends when all rows have ended.
 * @param prompts token ids, one list a row
 * @throws RangeError for a prompt that is empty, or too long for the model; the signal's reason
 */
export async function* generate(
  { model, generation, executables }: Generating,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedStep, Usage, undefined> {
  options.signal?.throwIfAborted();
  const choice = choiceOf(generation, options);
  const longest = longestOf(prompts, model);
  const maxNewTokens = newTokensOf(generation, options, longest);
  requireRoom(longest + maxNewTokens, model);
  const size = { batch: prompts.length, tracksSeen: needsSeen(choice) };
  const session =
    (options.useCache ?? true)
      ? new Session(model, executables, {
          ...size,
          capacity: capacityFor(roomFor({ start: 0, added: longest, maxNewTokens })),
        })
      : new Recomputation(model, executables, { ...size, capacity: paddedWidth(longest + maxNewTokens) });
  const meter = new Meter(prompts.reduce((sum, prompt) => sum + prompt.length, 0));
  try {
    yield* steps(session, prompts, { ...options, choice, maxNewTokens, meter });
    return meter.usage();
  } finally {
    session.dispose();
  }
}

export interface StepsOptions extends Pick<GenerateOptions, "seed" | "signal" | "stepsAhead"> {
  readonly choice: Choice;
  readonly maxNewTokens: number;
  readonly meter: Meter;
}

/**
 * Takes rows into sequences that have room for them, and continues them; no step is under way when it ends.
 * @throws RangeError without room; the signal's reason
 */
export async function* steps(
  session: Sequences,
  rows: readonly (readonly number[])[],
  { choice, maxNewTokens, meter, signal, seed = 0, stepsAhead = 3 }: StepsOptions,
): AsyncGenerator<GeneratedStep, void, undefined> {
  requireSetting(
    Number.isInteger(stepsAhead) && stepsAhead >= 0,
    "stepsAhead must be an integer, at least 0",
    stepsAhead,
  );
  const ahead: Promise<Tokens>[] = [];
  try {
    const active = new Array<boolean>(rows.length).fill(true);
    let [chosen, takenIn] = [0, 0];
    const advance = (): void => {
      session.advance();
      takenIn++;
    };
    for (let step = 0; step < maxNewTokens && active.some((x) => x); step++) {
      while (chosen < maxNewTokens && chosen <= step + Math.max(stepsAhead - 1, 0)) {
        if (chosen === 0) session.prefill(rows, choice, seed);
        else if (takenIn < chosen) advance();
        ahead.push(read(session.choose(), rows.length));
        // Nobody wants to wait for the first token longer than for the prompt: the copy of it is submitted by then.
        if (chosen++ === 0) await undefined;
        // The choice of a token, its copy and the step that takes it in share a submit.
        if (chosen < maxNewTokens && chosen <= step + stepsAhead) advance();
      }
      const tokens = await (ahead.shift() as Promise<Tokens>);
      signal?.throwIfAborted();
      requireTokens(tokens, active, step);
      meter.count(active);
      const isLast = step + 1 === maxNewTokens;
      const finished = tokens.map((token, row): FinishReason | undefined =>
        !active[row] ? undefined : choice.eosTokenIds.includes(token) ? "stop" : isLast ? "length" : undefined,
      );
      yield { tokens, active: [...active], finished };
      finished.forEach((reason, row) => {
        if (reason !== undefined) active[row] = false;
      });
    }
  } finally {
    // Steps under way still use the caches.
    await Promise.allSettled(ahead);
  }
}

type Tokens = readonly number[];
async function readTokens(tokens: jax.Array, rows: number): Promise<Tokens> {
  return [...(await tokens.data())].slice(0, rows);
}

/** A read whose error is for whoever awaits it; until then, or if an earlier one throws, it is nobody's. */
function read(tokens: jax.Array, rows: number): Promise<Tokens> {
  const reading = readTokens(tokens, rows);
  reading.catch(() => {});
  return reading;
}

/** @throws RangeError where NaN or infinite logits gave no token */
function requireTokens(tokens: Tokens, active: readonly boolean[], step: number): void {
  const row = tokens.findIndex((token, i) => active[i] && token === noToken);
  if (row >= 0)
    throw new RangeError(
      `generate: logits must be finite; got NaN or infinite ones for row ${row} at new token ${step + 1}. Weights that are damaged, or a dtype that is too narrow, do that`,
    );
}

// Below it drawing is greedy but for near ties, and quotients of logits leave float32; vLLM has the same bound.
const leastTemperature = 1e-5;

/** Temperatures that are next to 0 are greedy. @throws RangeError for impossible settings */
export function choiceOf(generation: GenerationConfig, options: GenerateOptions): Choice {
  const { eosTokenIds = generation.eosTokenIds } = options;
  const choice = {
    doSample: options.doSample ?? generation.doSample,
    temperature: options.temperature ?? generation.temperature,
    topK: options.topK ?? generation.topK,
    topP: options.topP ?? generation.topP,
    repetitionPenalty: options.repetitionPenalty ?? generation.repetitionPenalty,
    eosTokenIds,
    padTokenId: options.padTokenId ?? generation.padTokenId ?? eosTokenIds[0] ?? 0,
  };
  requireSetting(choice.temperature > 0, "temperature must be above 0 (greedy is doSample: false)", choice.temperature);
  requireSetting(Number.isInteger(choice.topK) && choice.topK >= 0, "topK must be an integer, at least 0", choice.topK);
  requireSetting(choice.topP >= 0 && choice.topP <= 1, "topP must lie between 0 and 1", choice.topP);
  requireSetting(choice.repetitionPenalty > 0, "repetitionPenalty must be above 0", choice.repetitionPenalty);
  return { ...choice, doSample: choice.doSample && choice.temperature >= leastTemperature };
}

function requireSetting(holds: boolean, rule: string, got: number): void {
  if (!holds) throw new RangeError(`generate: ${rule}; got ${got}`);
}

/** For callers without types: one prompt alone is not a list of prompts. */
export function requireList(x: unknown, rule: string): void {
  if (!Array.isArray(x) && !ArrayBuffer.isView(x))
    throw new TypeError(`${rule}; got ${typeof x === "string" ? JSON.stringify(x) : String(x)}`);
}

function longestOf(prompts: readonly (readonly number[])[], { config }: CausalLM): number {
  requireList(prompts, "generate: prompts must be a list of lists of token ids");
  requireSetting(prompts.length > 0, "there must be a prompt", 0);
  prompts.forEach((prompt, row) => {
    requireList(prompt, "generate: prompts must be a list of lists of token ids, one list a row");
    requireSetting(prompt.length > 0, `a prompt must have a token at least, for row ${row}`, 0);
    for (const id of prompt)
      requireSetting(
        Number.isInteger(id) && id >= 0 && id < config.vocabSize,
        `token ids must be below the vocabulary's ${config.vocabSize}, for row ${row}`,
        id,
      );
  });
  return Math.max(...prompts.map((prompt) => prompt.length));
}

function newTokensOf(generation: GenerationConfig, options: GenerateOptions, longest: number): number {
  const count = options.maxNewTokens ?? generation.maxNewTokens ?? generation.maxLength - longest;
  requireSetting(
    Number.isInteger(count) && count > 0,
    options.maxNewTokens === undefined
      ? `the prompt of ${longest} tokens must be shorter than the default max_length ${generation.maxLength}; give maxNewTokens. New tokens`
      : "maxNewTokens must be an integer, at least 1",
    count,
  );
  return count;
}

function requireRoom(tokens: number, { config }: CausalLM): void {
  requireSetting(
    tokens <= config.maxPositionEmbeddings,
    `prompt and new tokens must fit the model's ${config.maxPositionEmbeddings} positions`,
    tokens,
  );
}
