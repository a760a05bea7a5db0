/** Streaming detokenization. A character may span tokens; its bytes are buffered until it is complete. */
import { bytesOfToken } from "./byte-level.ts";

/** A token as the stream decodes it. */
export interface StreamedToken {
  /** Text of the token in the vocabulary; undefined for an id without a token. */
  readonly text: string | undefined;
  /** Whether the token is outside the byte-level vocabulary, so that its text is literal. */
  readonly isAdded: boolean;
  readonly isSpecial: boolean;
}

/** Decodes a stream of tokens to text: emits only complete characters, which later tokens cannot change. */
export class TextStream {
  readonly #tokenOf: (id: number) => StreamedToken;
  readonly #skipSpecialTokens: boolean;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(tokenOf: (id: number) => StreamedToken, skipSpecialTokens: boolean) {
    this.#tokenOf = tokenOf;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  /** Decodes one more token. @returns the completed characters, often none */
  push(id: number): string {
    const { text, isAdded, isSpecial } = this.#tokenOf(id);
    if (text === undefined || (isSpecial && this.#skipSpecialTokens)) return "";
    if (isAdded) return this.#decoder.decode() + text;
    return this.#decoder.decode(bytesOfToken(text), { stream: true });
  }

  /** Flushes the stream at its end: U+FFFD for an incomplete character. */
  end(): string {
    return this.#decoder.decode();
  }
}
