/** Encodes text to token ids and decodes it, with the tokenizer and chat template of a checkpoint. */
import type { Tokenizer as BpeTokenizer } from "@huggingface/tokenizers";
import { CheckpointError } from "jaxscale";
import type { ChatMessage, ChatOptions, ChatTemplate } from "./chat-template.ts";
import { MessageText } from "./message-text.ts";
import { type StreamedToken, TextStream } from "./text-stream.ts";

/** Options of `Tokenizer.encode`. */
export interface EncodeOptions {
  /** Whether to add the special tokens of the tokenizer, such as GLM-4's `[gMASK]<sop>`; false if absent. */
  readonly addSpecialTokens?: boolean;
}

/** Options of `Tokenizer.decode`. */
export interface DecodeOptions {
  readonly skipSpecialTokens?: boolean;
}

/** Encodes text to token ids and decodes it, according to `tokenizer.json`; created by `readTokenizer`. */
export class Tokenizer {
  readonly #bpe: BpeTokenizer;
  readonly #template: ChatTemplate | undefined;
  readonly #location: string;
  readonly #messageText: MessageText;
  readonly #added: ReturnType<BpeTokenizer["get_added_tokens_decoder"]>;
  /** One more than the largest id. The model's `vocabSize` is usually larger. */
  readonly size: number;

  /** See `readTokenizer`. @param location the checkpoint, for messages */
  constructor(bpe: BpeTokenizer, template: ChatTemplate | undefined, location: string) {
    this.#bpe = bpe;
    this.#template = template;
    this.#location = location;
    this.#added = bpe.get_added_tokens_decoder();
    this.#messageText = new MessageText([...this.#added.values()]);
    let size = 0;
    for (const id of bpe.get_vocab(true).values()) size = Math.max(size, id + 1);
    this.size = size;
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
  }

  /** Encodes a text. Special tokens in the text are encoded as such. */
  encode(text: string, { addSpecialTokens = false }: EncodeOptions = {}): number[] {
    return this.#bpe.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  }

  /** Encodes a prompt: adds the special tokens of the tokenizer, unless the text begins with them. */
  encodePrompt(text: string): number[] {
    const bare = this.encode(text);
    const prefix = this.encode("", { addSpecialTokens: true });
    return prefix.every((id, i) => bare[i] === id) ? bare : this.encode(text, { addSpecialTokens: true });
  }

  /** Decodes ids to text; invalid UTF-8 becomes U+FFFD. */
  decode(ids: readonly number[], { skipSpecialTokens = false }: DecodeOptions = {}): string {
    if (ids.length === 0) return "";
    return this.#bpe.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }

  /** Creates a streaming decoder: its outputs concatenate to `decode` of all ids. */
  stream({ skipSpecialTokens = false }: DecodeOptions = {}): TextStream {
    return new TextStream((id) => this.#token(id), skipSpecialTokens);
  }

  /** Formats a conversation with the chat template. @throws CheckpointError if there is no chat template, or it rejects the messages */
  renderChat(messages: readonly ChatMessage[], options?: ChatOptions): string {
    if (this.#template === undefined)
      throw new CheckpointError(
        `${this.#location}: must have chat_template in tokenizer_config.json, or chat_template.jinja; got neither`,
      );
    return this.#template.render(messages, options);
  }

  /**
   * Encodes a conversation. The template writes `[gMASK]<sop>`, so no special tokens are added; special tokens in messages are
   * encoded as ordinary text.
   * @throws CheckpointError as `renderChat`
   */
  encodeChat(messages: readonly ChatMessage[], options?: ChatOptions): number[] {
    const sections = this.#messageText.sections(this.renderChat(this.#messageText.mark(messages), options));
    return sections.flatMap(({ text, isTemplate }) => (isTemplate ? this.encode(text) : this.#encodeText(text)));
  }

  /** Encodes a text without special tokens. */
  #encodeText(text: string): number[] {
    const { normalizer, pre_tokenizer, model } = this.#bpe;
    const normalized = normalizer?.(text) ?? text;
    const words = pre_tokenizer?.(normalized, { section_index: 0 }) ?? [normalized];
    return (model?.(words) ?? []).map((token: string) => this.idOf(token) ?? model?.unk_token_id ?? 0);
  }

  /** Undefined if the vocabulary has no such token. */
  idOf(token: string): number | undefined {
    return this.#bpe.token_to_id(token);
  }

  /** Text of a token in the vocabulary: bytes as characters. Undefined for an id without a token. */
  tokenOf(id: number): string | undefined {
    return this.#bpe.id_to_token(id);
  }

  /** Whether a token is special, such as `<|assistant|>`. */
  isSpecial(id: number): boolean {
    return this.#added.get(id)?.special ?? false;
  }

  #token(id: number): StreamedToken {
    const added = this.#added.get(id);
    return {
      text: added?.content ?? this.#bpe.id_to_token(id),
      isAdded: added !== undefined,
      isSpecial: added?.special ?? false,
    };
  }
}
