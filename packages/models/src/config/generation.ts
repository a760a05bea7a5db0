/** Recommended sampling settings of a checkpoint: `generation_config.json`, then the defaults of transformers. */
import { refused, shown } from "../checkpoint-error.ts";
import { type CheckpointFiles, readTextFile } from "../files/byte-source.ts";
import { Fields } from "../json/fields.ts";
import { isJsonObject, type JsonObject, parseJson } from "../json/parse.ts";
import type { SharedConfig } from "./shared.ts";

/** Settings of sampling, and which tokens end a sequence, as the checkpoint recommends them. */
export interface GenerationConfig {
  /** Whether to sample; false chooses the most likely token. */
  readonly doSample: boolean;
  readonly temperature: number;
  /** Number of likeliest tokens to sample from, 0 for all; 50 by default. */
  readonly topK: number;
  readonly topP: number;
  readonly repetitionPenalty: number;
  /** Undefined if `maxLength` applies. */
  readonly maxNewTokens: number | undefined;
  /** Maximum number of tokens, including the prompt. */
  readonly maxLength: number;
  /** Tokens that end a row. */
  readonly eosTokenIds: readonly number[];
  /** The token that finished rows emit; the first of `eosTokenIds` if the files name none. */
  readonly padTokenId: number | undefined;
}

const file = "generation_config.json";

/**
 * Parses the text of a `generation_config.json`; missing settings come from the config.
 * @param text of the file; undefined if there is none
 * @throws CheckpointError naming the key, expected and found
 */
export function parseGenerationConfig(
  text: string | undefined,
  config: Pick<SharedConfig, "eosTokenIds" | "padTokenId">,
): GenerationConfig {
  const object = text === undefined ? ({} as JsonObject) : parseJson(text, { file });
  if (!isJsonObject(object)) throw refused({ file }, "must be an object", shown(object));
  const fields = new Fields(file, object);
  const eosTokenIds = fields.integers("eos_token_id") ?? config.eosTokenIds;
  const pad =
    (fields.raw("pad_token_id") ?? null) === null ? undefined : fields.integer("pad_token_id", undefined, { min: 0 });
  const newTokens = (fields.raw("max_new_tokens") ?? null) === null ? undefined : fields.integer("max_new_tokens");
  return {
    doSample: fields.boolean("do_sample", false),
    temperature: positive(fields, "temperature", 1),
    topK: fields.integer("top_k", 50, { min: 0 }),
    topP: fields.number("top_p", 1, { min: 0, max: 1 }),
    repetitionPenalty: positive(fields, "repetition_penalty", 1),
    maxNewTokens: newTokens,
    maxLength: fields.integer("max_length", 20),
    eosTokenIds,
    padTokenId: pad ?? config.padTokenId ?? eosTokenIds[0],
  };
}

function positive(fields: Fields, key: string, defaultValue: number): number {
  const value = fields.number(key, defaultValue);
  fields.require(value > 0, key, "must be above 0", value);
  return value;
}

/** Settings from `generation_config.json`; from the config alone if there is none. */
export async function readGenerationConfig(
  files: CheckpointFiles,
  config: Pick<SharedConfig, "eosTokenIds" | "padTokenId">,
): Promise<GenerationConfig> {
  return parseGenerationConfig(await readTextFile(files, file, 2 ** 24), config);
}
