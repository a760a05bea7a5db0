/** The tokenizer of a checkpoint: `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`. */
import { Tokenizer as BpeTokenizer } from "@huggingface/tokenizers";
import { quoted, refused, shown } from "../checkpoint-error.ts";
import { type CheckpointFiles, readTextFile } from "../files/byte-source.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../json/parse.ts";
import { ChatTemplate } from "./chat-template.ts";
import { Tokenizer } from "./tokenizer.ts";

const vocabularyFile = "tokenizer.json";
const configFile = "tokenizer_config.json";
const templateFile = "chat_template.jinja";

/**
 * Reads `tokenizer.json`, `tokenizer_config.json` and the chat template.
 * @throws CheckpointError if `tokenizer.json` is missing, or a file is bad
 */
export async function readTokenizer(files: CheckpointFiles): Promise<Tokenizer> {
  const vocabulary = await readTextFile(files, vocabularyFile);
  if (vocabulary === undefined) throw refused({ file: files.location }, `must hold ${vocabularyFile}`, "no such file");
  const config = parseObject((await readTextFile(files, configFile)) ?? "{}", configFile);
  const bpe = makeBpe(parseVocabulary(vocabulary), config);
  return new Tokenizer(bpe, await readTemplate(files, config), files.location);
}

function parseObject(text: string, file: string): JsonObject {
  const value = parseJson(text, { file });
  if (!isJsonObject(value)) throw refused({ file }, "must be an object", shown(value));
  return value;
}

/** Uses JSON.parse: the file has hundreds of thousands of entries, and duplicate keys are harmless. */
function parseVocabulary(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused({ file: vocabularyFile }, "must be valid JSON", quoted(String(error)));
  }
  if (!isJsonObject(value) || !isJsonObject(value.model))
    throw refused({ file: vocabularyFile, key: "model" }, "must be an object", "none");
  if (value.model.type !== "BPE")
    throw refused({ file: vocabularyFile, key: "model.type" }, 'must be "BPE"', shown(value.model.type));
  if (!isByteLevel(value.decoder))
    throw refused({ file: vocabularyFile, key: "decoder" }, "must be ByteLevel", shown(value.decoder));
  requireIds(value.model.vocab, value.added_tokens);
  return value;
}

/** Validates ids early: the tokenizer library does not. */
function requireIds(vocabulary: JsonValue | undefined, added: JsonValue | undefined): void {
  if (!isJsonObject(vocabulary))
    throw refused({ file: vocabularyFile, key: "model.vocab" }, "must be an object", shown(vocabulary));
  for (const [token, id] of Object.entries(vocabulary)) requireId("model.vocab", token, id);
  for (const token of Array.isArray(added) ? added : [])
    if (isJsonObject(token)) requireId("added_tokens", String(token.content), token.id);
}

function requireId(key: string, token: string, id: JsonValue | undefined): void {
  if (Number.isInteger(id) && (id as number) >= 0) return;
  throw refused(
    { file: vocabularyFile, key },
    "must have a whole number, at least 0, for the id of each token",
    `${shown(id)} for "${quoted(token)}"`,
  );
}

const isByteLevel = (decoder: JsonValue | undefined): boolean =>
  isJsonObject(decoder) &&
  (decoder.type === "ByteLevel" ||
    (decoder.type === "Sequence" && Array.isArray(decoder.decoders) && decoder.decoders.some(isByteLevel)));

function makeBpe(vocabulary: JsonObject, config: JsonObject): BpeTokenizer {
  try {
    return new BpeTokenizer(vocabulary, {
      ...config,
      clean_up_tokenization_spaces: config.clean_up_tokenization_spaces ?? false,
    });
  } catch (error) {
    throw refused({ file: vocabularyFile }, "must describe a tokenizer", quoted(String(error)));
  }
}

/** A separate template file takes precedence over the key in the config, as in transformers. */
async function readTemplate(files: CheckpointFiles, config: JsonObject): Promise<ChatTemplate | undefined> {
  const specialTokens = specialTokensOf(config);
  const own = await readTextFile(files, templateFile, 2 ** 24);
  if (own !== undefined) return new ChatTemplate(own, templateFile, specialTokens);
  const source = templateIn(config.chat_template);
  return source === undefined ? undefined : new ChatTemplate(source, configFile, specialTokens);
}

/** A string, or a list of named ones. */
function templateIn(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (Array.isArray(value))
    for (const entry of value)
      if (isJsonObject(entry) && entry.name === "default" && typeof entry.template === "string") return entry.template;
  throw refused(
    { file: configFile, key: "chat_template" },
    'must be a string, or a list with a "default"',
    shown(value),
  );
}

function specialTokensOf(config: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!key.endsWith("_token")) continue;
    const text = isJsonObject(value) ? value.content : value;
    if (typeof text === "string") tokens[key] = text;
  }
  return tokens;
}
