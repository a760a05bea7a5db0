/** What a cache gains: greedy generation with one and without. */
import type { LanguageModel } from "../language-model.ts";

/** Speeds of both, and whether they give the same tokens. */
export interface CacheSpeed {
  /** New tokens ÷ the time of the whole generation, prompt included, of the fastest run; in tokens/s. */
  readonly withCache: number;
  readonly withoutCache: number;
  readonly repeats: number;
  /** New tokens before the first that differs; undefined if none does. */
  readonly firstDifference: number | undefined;
}

/**
 * Generates the same tokens with a cache and without one, in turns, behind one run of each that compiles.
 * @param options `newTokens` of each generation, whatever ends it; `repeats` are 3 if absent
 * @throws RangeError for a prompt that is empty or too long
 */
export async function measureCache(
  model: LanguageModel,
  {
    prompt,
    newTokens,
    repeats = 3,
  }: {
    readonly prompt: readonly number[];
    readonly newTokens: number;
    readonly repeats?: number;
  },
): Promise<CacheSpeed> {
  const run = async (
    useCache: boolean,
  ): Promise<{ readonly tokens: readonly number[]; readonly perSecond: number }> => {
    const settings = { doSample: false, repetitionPenalty: 1, maxNewTokens: newTokens, eosTokenIds: [], useCache };
    const generated = model.generate([prompt], settings);
    const tokens: number[] = [];
    for (;;) {
      const { done, value } = await generated.next();
      if (done) return { tokens, perSecond: (1000 * newTokens) / (value.timeToFirstTokenMs + value.decodeMs) };
      tokens.push(value.tokens[0]);
    }
  };
  const [cached, recomputed] = [await run(true), await run(false)];
  let [withCache, withoutCache] = [0, 0];
  for (let i = 0; i < repeats; i++) {
    withCache = Math.max(withCache, (await run(true)).perSecond);
    withoutCache = Math.max(withoutCache, (await run(false)).perSecond);
  }
  const first = cached.tokens.findIndex((token, i) => token !== recomputed.tokens[i]);
  return { withCache, withoutCache, repeats, firstDifference: first < 0 ? undefined : first };
}
