/** Compiling what a generation needs before it is asked for. */
import { type GenerateOptions, type Generating, generate } from "./generate.ts";

/** Sizes and settings of the generations to come. */
export interface WarmupOptions extends Omit<GenerateOptions, "maxNewTokens"> {
  /** Rows; 1 if absent. */
  readonly batch?: number;
  /** Tokens of the longest prompt. */
  readonly promptTokens: number;
  /** The `maxNewTokens` of the generations. */
  readonly newTokens: number;
}

// Results lie on a mesh, where the first step's arguments did not: the second may need programs of its own.
const steps = 3;

/**
 * Compiles what generations of a size need, by running the beginning of one: its prompt and the first steps; without caches
 * all steps, whose programs differ.
 * @throws RangeError for impossible sizes or settings; the signal's reason
 */
export async function warmup(
  model: Generating,
  { batch = 1, promptTokens, newTokens, ...options }: WarmupOptions,
): Promise<void> {
  for (const [name, value] of Object.entries({ batch, promptTokens, newTokens }))
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`warmup: ${name} must be an integer, at least 1; got ${value}`);
  const prompts = Array.from({ length: batch }, () => new Array<number>(promptTokens).fill(0));
  // As many ends as there will be, none of which comes.
  const eosTokenIds = (options.eosTokenIds ?? model.generation.eosTokenIds).map(() => -1);
  const settings = { ...options, maxNewTokens: newTokens, eosTokenIds };
  let left = (options.useCache ?? true) ? steps : newTokens;
  for await (const _ of generate(model, prompts, settings)) if (--left === 0) break;
}
