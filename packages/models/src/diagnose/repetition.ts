/** How much a text repeats itself. */

/** Shares of a text's words, n-grams of words, and its longest loop. */
export interface Repetition {
  readonly words: number;
  /** Distinct words ÷ words; 0 for an empty text. */
  readonly unique: number;
  /** 1 − distinct ÷ all, of pairs and of triples of neighbouring words. */
  readonly bigrams: number;
  readonly trigrams: number;
  /** The shortest run of 3 or more words that stands twice in a row, or a longer one if all lengths between do too; 0 without one. */
  readonly longestRepeat: number;
  /** More than 30 % of the triples are repeats. */
  readonly isHigh: boolean;
}

const highShare = 0.3;

/**
 * The metrics of the generation quality test of JaxScale in Python. Words are separated by white space; each Chinese or Japanese
 * character is a word of its own.
 */
export function repetitionOf(text: string): Repetition {
  const words =
    text.match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu,
    ) ?? [];
  const repeats = (n: number): number => {
    const grams = Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(" "));
    return grams.length === 0 ? 0 : 1 - new Set(grams).size / grams.length;
  };
  const trigrams = repeats(3);
  return {
    words: words.length,
    unique: words.length === 0 ? 0 : new Set(words).size / words.length,
    bigrams: repeats(2),
    trigrams,
    longestRepeat: longestRepeat(words),
    isHigh: trigrams > highShare,
  };
}

function longestRepeat(words: readonly string[]): number {
  let longest = 0;
  for (let size = 3; 2 * size <= words.length; size++) {
    if (standsTwice(words, size)) longest = size;
    else if (longest > 0) break;
  }
  return longest;
}

/** Whether `size` words are followed by the same words. */
function standsTwice(words: readonly string[], size: number): boolean {
  // Neighbours at this distance that are equal, in a row.
  let run = 0;
  for (let i = 0; i + size < words.length && run < size; i++) run = words[i] === words[i + size] ? run + 1 : 0;
  return run === size;
}
