/** The loop of `jaxscale chat`: reads a line, streams the answer. */
import { createInterface, type Interface } from "node:readline";
import type { Chat, Turn } from "@jaxscale/models";
import { interruptedCode, stoppingText } from "./interrupt.ts";

const help =
  "/reset clears the conversation, /stats prints speed and context use, /exit quits, Ctrl-C stops an answer.";

export class Conversation {
  readonly #chat: Chat;
  readonly #lines: Interface;
  readonly #output: NodeJS.WriteStream;
  /** Whether input and output are terminals. */
  readonly #isInteractive: boolean;
  /** Aborts the answer that is being generated. */
  #answer: AbortController | undefined;
  /** Ctrl-C since the last line. */
  #interrupts = 0;
  #turns: Turn[] = [];
  #failed = false;

  constructor(chat: Chat, input: NodeJS.ReadStream, output: NodeJS.WriteStream) {
    this.#chat = chat;
    this.#output = output;
    this.#isInteractive = Boolean(input.isTTY && output.isTTY);
    this.#lines = createInterface({ input, output, terminal: this.#isInteractive, prompt: "> " });
  }

  /** Runs until the input ends or `/exit`. @returns the exit code: 1 if a piped line could not be answered */
  async run(): Promise<number> {
    // In raw mode readline receives Ctrl-C, otherwise the process receives SIGINT.
    process.on("SIGINT", this.#interrupt);
    this.#lines.on("SIGINT", this.#interrupt);
    try {
      if (this.#isInteractive) console.error(help);
      this.#prompt();
      for await (const line of this.#lines) {
        this.#interrupts = 0;
        if (!(await this.#take(line.trim()))) break;
        this.#prompt();
      }
    } finally {
      process.off("SIGINT", this.#interrupt);
      this.#lines.close();
    }
    if (this.#interrupts > 1) return interruptedCode;
    return this.#failed && !this.#isInteractive ? 1 : 0;
  }

  #prompt(): void {
    if (this.#isInteractive) this.#lines.prompt();
  }

  /** Stops the answer, and says so at once; the second Ctrl-C in a row quits. */
  readonly #interrupt = (): void => {
    this.#interrupts++;
    if (this.#answer?.signal.aborted) process.exit(interruptedCode);
    else if (this.#answer) {
      console.error(stoppingText);
      this.#answer.abort();
    } else if (this.#interrupts > 1) this.#lines.close();
    else if (this.#isInteractive) {
      this.#output.write("\n");
      console.error("Ctrl-C again, or /exit, leaves.");
      this.#prompt();
    }
  };

  /** @returns whether to go on */
  async #take(line: string): Promise<boolean> {
    if (line === "") return true;
    if (!line.startsWith("/")) {
      await this.#answerTo(line);
      return true;
    }
    if (line === "/exit") return false;
    if (line === "/reset") {
      this.#chat.reset();
      this.#turns = [];
    } else if (line === "/stats") this.#output.write(`${statsText(this.#turns, this.#chat)}\n`);
    else console.error(`${line}: there is no such command; ${help}`);
    return true;
  }

  async #answerTo(line: string): Promise<void> {
    const answer = new AbortController();
    this.#answer = answer;
    const pieces = this.#chat.send(line, { signal: answer.signal });
    try {
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) {
          this.#output.write("\n");
          this.#printEnd(value);
          this.#turns.push(value);
          return;
        }
        this.#output.write(value);
      }
    } catch (error) {
      // A turn that fails leaves the conversation unchanged.
      if (!(error instanceof Error)) throw error;
      this.#failed = true;
      console.error(`${error.name}: ${error.message}`);
    } finally {
      this.#answer = undefined;
    }
  }

  #printEnd({ finished, newTokens, contextTokens }: Turn): void {
    if (finished === "aborted") console.error("(stopped)");
    if (finished === "length") console.error(`(cut off after ${newTokens} tokens: --max_new_tokens)`);
    if (finished === "context")
      console.error(`(cut off: the model's ${contextTokens} positions are full; /reset begins anew)`);
  }
}

/** Statistics of the last answer, and totals of the conversation. */
function statsText(turns: readonly Turn[], chat: Chat): string {
  const last = turns[turns.length - 1];
  if (last === undefined) return "no answers yet";
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const total = (of: (turn: Turn) => number): number => turns.reduce((sum, turn) => sum + of(turn), 0);
  return [
    `prompt    ${last.promptTokens} new tokens, ${last.cachedTokens} from the cache; first token after ${seconds(last.timeToFirstTokenMs)}`,
    `answer    ${last.newTokens} tokens, ${last.decodeTokensPerSecond.toFixed(1)} tokens/s`,
    `context   ${last.contextTokens} of ${chat.contextSize} tokens; the caches have room for ${last.capacity}`,
    `together  ${turns.length} ${turns.length === 1 ? "answer" : "answers"}, ${total((turn) => turn.newTokens)} tokens in ${seconds(total((turn) => turn.timeToFirstTokenMs + turn.decodeMs))}`,
  ].join("\n");
}
