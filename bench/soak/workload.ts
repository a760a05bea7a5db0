/** What a soak does: generations of every kind that need programs of their own, conversations, and loading anew. */
import type { GenerateOptions, LanguageModel } from "@jaxscale/models";

/** Numbers in [0, 1), the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Steele, Lea and Flood's SplitMix with 32 bits.
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

const batches = [1, 2];
/** Up to so many tokens of a prompt: two of the widths that prompts are padded to. */
const longest = [16, 64];
const drawn = { doSample: true, temperature: 0.8, topK: 40, topP: 0.9, maxNewTokens: 8 };
/** Each needs a program of its own to choose tokens, the last one larger caches. */
const settings: readonly GenerateOptions[] = [
  { doSample: false, maxNewTokens: 8 },
  drawn,
  { ...drawn, topK: 0, topP: 1, repetitionPenalty: 1.1 },
  { doSample: false, maxNewTokens: 80 },
];

export type Work = (language: LanguageModel, random: () => number) => Promise<void>;

async function generate(
  language: LanguageModel,
  random: () => number,
  { batch, most, options }: { readonly batch: number; readonly most: number; readonly options: GenerateOptions },
): Promise<void> {
  const { vocabSize } = language.config;
  const below = (n: number): number => Math.floor(random() * n);
  const prompts = Array.from({ length: batch }, () =>
    // The first row is as long as the width, so that a width stands for one program.
    Array.from({ length: most - below(most / 4) }, () => below(vocabSize)),
  );
  const seed = below(2 ** 31);
  const stepsAhead = below(5);
  const leavesAfter = random() < 0.2 ? below(8) : Number.POSITIVE_INFINITY;
  let step = 0;
  for await (const _ of language.generate(prompts, { eosTokenIds: [], ...options, seed, stepsAhead }))
    if (step++ >= leavesAfter) break;
}

/** Two conversations in one's caches; the second answer of the first is cut short. */
async function converse(language: LanguageModel, random: () => number): Promise<void> {
  const chat = await language.chat({ maxNewTokens: 12, doSample: true, seed: Math.floor(random() * 2 ** 31) });
  const words = ["ocean", "letter", "seven", "quickly", "green", "once"];
  const message = (): string => words[Math.floor(random() * words.length)];
  try {
    for (let conversation = 0; conversation < 2; conversation++) {
      for (let answer = 0; answer < 2; answer++) {
        const stop = new AbortController();
        for await (const _ of chat.send(message(), { signal: stop.signal }))
          if (answer === 1 && conversation === 0) stop.abort();
      }
      chat.reset();
    }
  } finally {
    chat.dispose();
  }
}

/** Every combination of settings once; conversations where the model has a tokenizer. */
export function allWorks({ chats }: { readonly chats: boolean }): Work[] {
  const generations = batches.flatMap((batch) =>
    longest.flatMap((most) =>
      settings.map(
        (options): Work =>
          (language, random) =>
            generate(language, random, { batch, most, options }),
      ),
    ),
  );
  return chats ? [...generations, converse] : generations;
}

export const probeTokens = 16;

/** Always the same: its time is what drifts if anything does. */
export async function probe(language: LanguageModel): Promise<void> {
  const prompt = Array.from({ length: probeTokens }, (_, i) => (7919 * (i + 1)) % language.config.vocabSize);
  for await (const _ of language.generate([prompt], { maxNewTokens: probeTokens, eosTokenIds: [], doSample: false }));
}
