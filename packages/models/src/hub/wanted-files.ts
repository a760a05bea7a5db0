/** The files of a repository that belong to a checkpoint. */
import { parseIndex } from "../weights/index-file.ts";
import { indexName, singleName } from "../weights/weights.ts";

const small = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
];

/** Filters the top-level names of a repository for the required files other than shards. */
export function wantedFiles(names: ReadonlySet<string>): readonly string[] {
  const weights = names.has(singleName) ? singleName : indexName;
  return [...small, weights].filter((name) => names.has(name));
}

/** Whether a required file is only needed for weights. */
export const isWeights = (name: string): boolean => name === singleName || name === indexName;

/** The shards that the index names. @throws CheckpointError if the index is malformed */
export const wantedShards = (index: string): readonly string[] =>
  [...new Set(parseIndex(index, indexName).values())].sort();
