/** Conversations: the caches stay between turns, and only what is new is taken in. */

import type { ChatMessage, ChatOptions } from "../tokenizer/chat-template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { choiceOf, type GenerateOptions, type Generating, steps } from "./generate.ts";
import { needsSeen } from "./sampling.ts";
import { capacityFor, roomFor, Session } from "./session.ts";
import { Meter, type Usage } from "./usage.ts";

/** Settings of a conversation: those of generation, and what the template takes. */
export interface ChatSettings
  extends Omit<GenerateOptions, "signal" | "useCache">,
    Pick<ChatOptions, "enableThinking" | "tools"> {
  /** What the conversation begins with. */
  readonly system?: string;
  /** Room of the caches at first, in tokens; they grow. */
  readonly capacity?: number;
}

/** Its `promptTokens` are those that were not in the caches. */
export interface Turn extends Usage {
  /** Why the answer ended: `context` where the model's positions were used up before `maxNewTokens`. */
  readonly finished: "stop" | "length" | "context" | "aborted";
  /** Of this turn's prompt, tokens that were in the caches already. */
  readonly cachedTokens: number;
  /** All of the conversation, this answer included. */
  readonly contextTokens: number;
  /** Tokens that the caches have room for. */
  readonly capacity: number;
}

const defaultMaxNewTokens = 512;
const defaultCapacity = 1024;

/**
 * A conversation with a model, whose caches stay on the device between turns: of each message only the tokens that are not in them are
 * computed. Made by `LanguageModel.chat`; `send` asks, `reset` begins anew, `dispose` gives the caches back. One answer at a time.
 */
export class Chat {
  readonly #generating: Generating;
  readonly #tokenizer: Tokenizer;
  readonly #settings: ChatSettings;
  #messages: ChatMessage[];
  #session: Session | undefined;
  /** Tokens that are known to be in the caches, from their beginning. */
  #cached: readonly number[] = [];
  #isAnswering = false;

  /** @throws RangeError for impossible settings */
  constructor(generating: Generating, tokenizer: Tokenizer, settings: ChatSettings = {}) {
    choiceOf(generating.generation, settings);
    this.#generating = generating;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
    this.#messages = beginning(settings);
  }

  /** The conversation so far, the system message first if there is one. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Most tokens that a conversation may have. */
  get contextSize(): number {
    return this.#generating.model.config.maxPositionEmbeddings;
  }

  /**
   * The answer to a message, in pieces; it is part of the conversation even if the signal cuts it short, which ends it without an
   * error. What fails, and an answer whose pieces are not read to the end, leaves the conversation as it was.
   * @throws RangeError if the conversation and the message leave no room for an answer, or another answer is under way
   */
  async *send(
    content: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<string, Turn, undefined> {
    this.#refuseWhileAnswering("send");
    this.#isAnswering = true;
    try {
      return yield* this.#answer(content, signal);
    } finally {
      this.#isAnswering = false;
    }
  }

  async *#answer(content: string, signal: AbortSignal | undefined): AsyncGenerator<string, Turn, undefined> {
    const asked = [...this.#messages, { role: "user", content }];
    const ids = this.#tokenizer.encodeChat(asked, this.#settings);
    const room = this.contextSize - ids.length;
    if (room <= 0)
      throw new RangeError(
        `chat: the conversation must fit the model's ${this.contextSize} positions with room for an answer; got ${ids.length} tokens with this message; reset begins anew`,
      );
    const wanted = this.#settings.maxNewTokens ?? defaultMaxNewTokens;
    const maxNewTokens = Math.min(wanted, room);
    // The last token gives the first logits, so it is always taken in.
    const start = Math.min(commonPrefix(ids, this.#cached), ids.length - 1);
    const choice = choiceOf(this.#generating.generation, this.#settings);
    const session = this.#sessionFor(roomFor({ start, added: ids.length - start, maxNewTokens }), needsSeen(choice));
    session.rewind(ids.slice(0, start));
    this.#cached = ids.slice(0, start);
    const meter = new Meter(ids.length - start);
    const stream = this.#tokenizer.stream({ skipSpecialTokens: true });
    const tokens: number[] = [];
    let answer = "";
    let finished: Turn["finished"] = "aborted";
    try {
      for await (const step of steps(session, [ids.slice(start)], {
        ...this.#settings,
        // Each turn draws other numbers.
        seed: (this.#settings.seed ?? 0) + this.#messages.length,
        choice,
        maxNewTokens,
        meter,
        signal,
      })) {
        const [token] = step.tokens;
        const [reason] = step.finished;
        tokens.push(token);
        if (reason !== undefined) finished = reason === "length" && maxNewTokens < wanted ? "context" : reason;
        const piece = stream.push(token) + (reason === undefined ? "" : stream.end());
        answer += piece;
        if (piece !== "") yield piece;
      }
    } catch (error) {
      if (session !== this.#session) throw new RangeError("chat: it must not be disposed of while it answers");
      if (!signal?.aborted) {
        // Nobody knows what the caches hold.
        this.#forget();
        throw error;
      }
    }
    this.#cached = [...ids, ...tokens].slice(0, session.lengths[0]);
    this.#messages = [...asked, assistantMessage(answer, this.#tokenizer.decode(ids))];
    return {
      ...meter.usage(),
      finished,
      cachedTokens: start,
      contextTokens: ids.length + tokens.length,
      capacity: session.capacity,
    };
  }

  /** Begins anew, with the system message if there is one; the caches stay for what comes. @throws RangeError while it answers */
  reset(): void {
    this.#refuseWhileAnswering("reset");
    this.#messages = beginning(this.#settings);
  }

  /** Gives the caches' memory back; an answer that is under way fails. */
  dispose(): void {
    this.#forget();
  }

  #refuseWhileAnswering(what: string): void {
    if (this.#isAnswering)
      throw new RangeError(
        `chat: an answer must end before another call; got ${what} while pieces are still to be read. Read them to the end, or abort the signal`,
      );
  }

  #sessionFor(tokens: number, tracksSeen: boolean): Session {
    const { model, executables } = this.#generating;
    const { capacity = Math.min(defaultCapacity, this.contextSize) } = this.#settings;
    const wanted = capacityFor(Math.max(tokens, capacity));
    if (this.#session === undefined)
      this.#session = new Session(model, executables, { batch: 1, capacity: wanted, tracksSeen });
    // Twice as much, so that a long conversation grows seldom.
    else if (tokens > this.#session.capacity)
      this.#session.grow(capacityFor(Math.max(tokens, 2 * this.#session.capacity)));
    return this.#session;
  }

  #forget(): void {
    this.#session?.dispose();
    this.#session = undefined;
    this.#cached = [];
  }
}

const beginning = ({ system }: ChatSettings): ChatMessage[] =>
  system === undefined ? [] : [{ role: "system", content: system }];

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

const opensThinking = "<think>";
const closesThinking = "</think>";

/** Templates repeat answers without the thoughts before them, and want the two apart. */
function assistantMessage(answer: string, prompt: string): ChatMessage {
  const end = answer.lastIndexOf(closesThinking);
  const thinks = end >= 0 || prompt.trimEnd().endsWith(opensThinking);
  if (!thinks) return { role: "assistant", content: answer };
  const thoughts = end < 0 ? answer : answer.slice(0, end);
  return {
    role: "assistant",
    content: end < 0 ? "" : answer.slice(end + closesThinking.length).trimStart(),
    reasoning_content: thoughts.replace(opensThinking, "").trim(),
  };
}
