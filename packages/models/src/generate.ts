/** Text, token by token: prompts in, an async iterator of tokens out. */
import type * as jax from "jaxscale";
import type { GenerationConfig } from "./config/generation.ts";
import type { Choice, Executables } from "./executables.ts";
import type { CausalLM } from "./model.ts";
import { needsSeen, type Sampling } from "./sampling.ts";
import { capacityFor, chunkWidths, Session } from "./session.ts";

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
}

export interface GeneratedStep {
  /** One a row; rows that have ended give padding. */
  readonly tokens: readonly number[];
  /** Whether each row still goes on, this token not counting as its end. */
  readonly active: readonly boolean[];
}

export interface Usage {
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly timeToFirstTokenMs: number;
  readonly decodeMs: number;
  readonly prefillTokensPerSecond: number;
  /** Of all rows together, the first token not counted. */
  readonly decodeTokensPerSecond: number;
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
  const { signal, seed = 0, stepsAhead = 3 } = options;
  signal?.throwIfAborted();
  const choice = choiceOf(generation, options);
  const longest = longestOf(prompts, model);
  const maxNewTokens = newTokensOf(generation, options, longest);
  requireRoom(longest + maxNewTokens, model);
  const padded = chunkWidths(longest).reduce((sum, width) => sum + width, 0);
  const session = new Session(model, executables, {
    batch: prompts.length,
    capacity: capacityFor(Math.max(padded, longest + maxNewTokens)),
    tracksSeen: needsSeen(choice),
  });
  const meter = new Meter(prompts);
  const ahead: Promise<Tokens>[] = [];
  try {
    const active = new Array<boolean>(prompts.length).fill(true);
    let started = 0;
    for (let step = 0; step < maxNewTokens && active.some((x) => x); step++) {
      while (started < maxNewTokens && started <= step + stepsAhead) {
        ahead.push(read(started === 0 ? session.prefill(prompts, choice, seed) : session.decode(choice)));
        started++;
      }
      const tokens = await (ahead.shift() as Promise<Tokens>);
      signal?.throwIfAborted();
      meter.count(active);
      yield { tokens, active: [...active] };
      tokens.forEach((token, row) => {
        if (choice.eosTokenIds.includes(token)) active[row] = false;
      });
    }
    return meter.usage();
  } finally {
    // Steps under way still use the caches.
    await Promise.allSettled(ahead);
    session.dispose();
  }
}

type Tokens = readonly number[];
const read = async (tokens: jax.Array): Promise<Tokens> => [...(await tokens.data())];

/** @throws RangeError for impossible settings */
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
  return choice;
}

function requireSetting(holds: boolean, rule: string, got: number): void {
  if (!holds) throw new RangeError(`generate: ${rule}; got ${got}`);
}

function longestOf(prompts: readonly (readonly number[])[], { config }: CausalLM): number {
  requireSetting(prompts.length > 0, "there must be a prompt", 0);
  prompts.forEach((prompt, row) => {
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

/** Counts tokens and time. */
class Meter {
  readonly #promptTokens: number;
  readonly #startedAt = performance.now();
  #firstAt = 0;
  #lastAt = 0;
  #newTokens = 0;
  #decoded = 0;

  constructor(prompts: readonly (readonly number[])[]) {
    this.#promptTokens = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
  }

  count(active: readonly boolean[]): void {
    const rows = active.filter((x) => x).length;
    this.#lastAt = performance.now();
    if (this.#newTokens === 0) this.#firstAt = this.#lastAt;
    else this.#decoded += rows;
    this.#newTokens += rows;
  }

  usage(): Usage {
    const timeToFirstTokenMs = this.#firstAt - this.#startedAt;
    const decodeMs = this.#lastAt - this.#firstAt;
    return {
      promptTokens: this.#promptTokens,
      newTokens: this.#newTokens,
      timeToFirstTokenMs,
      decodeMs,
      prefillTokensPerSecond: (1000 * this.#promptTokens) / timeToFirstTokenMs,
      decodeTokensPerSecond: decodeMs > 0 ? (1000 * this.#decoded) / decodeMs : 0,
    };
  }
}
