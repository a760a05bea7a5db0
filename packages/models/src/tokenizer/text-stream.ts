/** Text of tokens as they come. A character may span tokens; its bytes wait until it is whole. */
import { bytesOfToken } from "./byte-level.ts";

/** What a token is to a stream. */
export interface StreamedToken {
  /** As the vocabulary writes it; undefined for an id without a token. */
  readonly text: string | undefined;
  /** Outside the byte-level vocabulary: it stands for its own text. */
  readonly isAdded: boolean;
  readonly isSpecial: boolean;
}

/** Text of tokens as they come: only whole characters, nothing that a later token could change. */
export class TextStream {
  readonly #tokenOf: (id: number) => StreamedToken;
  readonly #skipSpecialTokens: boolean;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(tokenOf: (id: number) => StreamedToken, skipSpecialTokens: boolean) {
    this.#tokenOf = tokenOf;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  /** The text that is certain now: whole characters only, often none. */
  push(id: number): string {
    const { text, isAdded, isSpecial } = this.#tokenOf(id);
    if (text === undefined || (isSpecial && this.#skipSpecialTokens)) return "";
    if (isAdded) return this.#decoder.decode() + text;
    return this.#decoder.decode(bytesOfToken(text), { stream: true });
  }

  /** What is left when no token follows: U+FFFD for a character that was cut off. */
  end(): string {
    return this.#decoder.decode();
  }
}
