/** Which files of a repository a checkpoint consists of. */
import { parseIndex } from "../weights/index-file.ts";
import { indexName, singleName } from "../weights/weights.ts";

const small = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
];

/** Of the names at the top of the repository: what is needed besides the shards. */
export function wantedFiles(names: ReadonlySet<string>): readonly string[] {
  const weights = names.has(singleName) ? singleName : indexName;
  return [...small, weights].filter((name) => names.has(name));
}

/** Whether a wanted file is there for the weights alone. */
export const isWeights = (name: string): boolean => name === singleName || name === indexName;

/** What the index asks for. @throws CheckpointError if it is bad */
export const wantedShards = (index: string): readonly string[] =>
  [...new Set(parseIndex(index, indexName).values())].sort();
