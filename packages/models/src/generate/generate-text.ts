/** Text in, text out, as it comes. */

import type { ChatMessage, ChatOptions } from "../tokenizer/chat-template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type GeneratedStep, type GenerateOptions, type Generating, generate, requireList } from "./generate.ts";
import type { Usage } from "./usage.ts";

/** A text to continue as it is, or a conversation to answer, by way of the checkpoint's chat template. */
export type Prompt = string | readonly ChatMessage[];

/** Options of `generateText`: those of `generate`, and what the chat template takes. */
export interface GenerateTextOptions extends GenerateOptions, Pick<ChatOptions, "enableThinking" | "tools"> {}

/** One token for each row, and its text. */
export interface GeneratedText extends GeneratedStep {
  /** What is certain now of each row's text: whole characters only, often none. */
  readonly texts: readonly string[];
}

/**
 * Token ids of a prompt: a text with the tokenizer's own tokens, or messages by the chat template.
 * @throws CheckpointError for a conversation, if the checkpoint has no chat template
 */
export const encodePrompt = (tokenizer: Tokenizer, prompt: Prompt, options?: ChatOptions): number[] =>
  typeof prompt === "string" ? tokenizer.encodePrompt(prompt) : tokenizer.encodeChat(prompt, options);

/**
 * As `generate`, with text: for each row, what the steps give adds up to the text of all its tokens, special ones left out.
 * @throws RangeError, CheckpointError; the signal's reason
 */
export async function* generateText(
  model: Generating,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  options: GenerateTextOptions = {},
): AsyncGenerator<GeneratedText, Usage, undefined> {
  requireList(prompts, "generateText: prompts must be a list of texts or conversations");
  const streams = prompts.map(() => tokenizer.stream({ skipSpecialTokens: true }));
  const generated = generate(
    model,
    prompts.map((prompt) => encodePrompt(tokenizer, prompt, options)),
    options,
  );
  try {
    for (;;) {
      const { done, value } = await generated.next();
      if (done) return value;
      const texts = value.tokens.map((token, row) => {
        if (!value.active[row]) return "";
        const text = streams[row].push(token);
        return value.finished[row] === undefined ? text : text + streams[row].end();
      });
      yield { ...value, texts };
    }
  } finally {
    // Where the consumer stops, so that the caches are given back.
    await generated.return(undefined as never);
  }
}
