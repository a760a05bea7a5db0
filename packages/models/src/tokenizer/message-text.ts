/**
 * Prevents injection of special tokens: `<|assistant|>` in a user message must not begin a turn. Before rendering, text that
 * reads as a special token is replaced by a mark; after rendering, sections with marks are encoded as ordinary text.
 */
import type { ChatMessage } from "./chat-template.ts";

export interface AddedToken {
  readonly content: string;
  readonly special: boolean;
}

/** Part of a rendered conversation. */
export interface Section {
  readonly text: string;
  /** Whether special tokens in the text are encoded as such. */
  readonly isTemplate: boolean;
}

// Noncharacters of Unicode. Marks in the original text are dropped.
const mark = (index: number): string => `\ufdd0${index}\ufdd1`;
const marks = /\ufdd0(\d+)\ufdd1/g;

export class MessageText {
  readonly #special: readonly string[];
  readonly #anySpecial: RegExp;
  readonly #anyAdded: RegExp;

  constructor(added: readonly AddedToken[]) {
    this.#special = added.filter(({ special }) => special).map(({ content }) => content);
    this.#anySpecial = anyOf(this.#special);
    this.#anyAdded = anyOf(added.map(({ content }) => content));
  }

  /** Marks special tokens in messages, except in roles. */
  mark(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return messages.map(({ role, ...rest }) => ({ ...(this.#marked(rest) as ChatMessage), role }));
  }

  #marked(value: unknown): unknown {
    if (typeof value === "string")
      return value.replace(this.#anySpecial, (token) => mark(this.#special.indexOf(token)));
    if (Array.isArray(value)) return value.map((item) => this.#marked(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#marked(inner)]));
  }

  /** Splits the rendered text at added tokens. */
  sections(rendered: string): readonly Section[] {
    const sections: Section[] = [];
    let plain = "";
    const endPlain = (): void => {
      if (plain !== "") sections.push({ text: plain, isTemplate: true });
      plain = "";
    };
    for (const part of rendered.split(this.#anyAdded)) {
      const text = part.replace(marks, (whole, index) => this.#special[Number(index)] ?? whole);
      if (text === part) {
        plain += part;
        continue;
      }
      endPlain();
      sections.push({ text, isTemplate: false });
    }
    endPlain();
    return sections;
  }
}

/** A regular expression group of alternatives, longest first; it matches nothing if there are none. */
function anyOf(texts: readonly string[]): RegExp {
  const escaped = [...texts]
    .filter((text) => text !== "")
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(escaped.length === 0 ? "(?!)" : `(${escaped.join("|")})`, "g");
}
