/** Chat templates: the checkpoint's own Jinja. */
import { Template } from "@huggingface/jinja";
import { quoted, refused } from "../checkpoint-error.ts";
import { renderBounded } from "./bounded-interpreter.ts";

/** One message of a conversation. Templates may read further fields, such as `reasoning_content` or `tool_calls`. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Options of a chat template. */
export interface ChatOptions {
  /** Whether to append the header of the assistant message; true if absent. */
  readonly addGenerationPrompt?: boolean;
  /** Enables thinking, in templates that support it. */
  readonly enableThinking?: boolean;
  /** Functions that the model may call, in templates that support them. */
  readonly tools?: readonly unknown[];
  /** Additional template variables. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** The Jinja chat template of a checkpoint: formats messages as the text that the model was trained on. */
export class ChatTemplate {
  readonly #parsed: Template["parsed"];
  readonly #file: string;
  readonly #specialTokens: Readonly<Record<string, string>>;

  /**
   * @param file that the template is from, for messages
   * @param specialTokens such as `eos_token`, by the names that templates use
   * @throws CheckpointError if it is not Jinja
   */
  constructor(source: string, file: string, specialTokens: Readonly<Record<string, string>> = {}) {
    this.#file = file;
    this.#specialTokens = specialTokens;
    try {
      this.#parsed = new Template(source).parsed;
    } catch (error) {
      throw refused({ file, key: "chat_template" }, "must be a Jinja template", quoted(String(error)));
    }
  }

  /**
   * The text of a conversation, as the model was trained on it.
   * @throws CheckpointError if the template rejects the messages or exceeds its limits
   */
  render(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    const { addGenerationPrompt = true, enableThinking, tools, variables } = options;
    try {
      return renderBounded(this.#parsed, {
        ...this.#specialTokens,
        ...variables,
        ...(enableThinking === undefined ? {} : { enable_thinking: enableThinking }),
        ...(tools === undefined ? {} : { tools }),
        messages,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw refused({ file: this.#file, key: "chat_template" }, "must render these messages", quoted(String(error)));
    }
  }
}
