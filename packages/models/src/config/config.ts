/** `config.json` of a checkpoint, typed by its `model_type`. */
import { findArchitecture, type ModelConfig, registeredTypes } from "../architectures.ts";
import { refused, shown } from "../checkpoint-error.ts";
import { type CheckpointFiles, readTextFile } from "../files/byte-source.ts";
import { Fields } from "../json/fields.ts";
import { isJsonObject, parseJson } from "../json/parse.ts";

export { type ModelConfig, modelTypes } from "../architectures.ts";

/**
 * Every size comes from the file, or else from the defaults of the architecture's class in transformers.
 * @throws CheckpointError for an unknown `model_type` (it lists the known ones) and for sizes that contradict each other
 */
export function parseConfig(text: string, file = "config.json"): ModelConfig {
  const object = parseJson(text, { file });
  if (!isJsonObject(object)) throw refused({ file }, "must be an object", shown(object));
  const fields = new Fields(file, object);
  const type = fields.raw("model_type");
  const architecture = typeof type === "string" ? findArchitecture(type) : undefined;
  if (architecture === undefined) {
    const old = type === "chatglm" ? "; repositories of that type hold another layout, look for one named -hf" : "";
    throw fields.error("model_type", `must be one of ${registeredTypes().join(", ")}`, `${shown(type)}${old}`);
  }
  return architecture.parse(fields);
}

/** The config of a checkpoint, from its `config.json`. @throws CheckpointError if there is no `config.json`, or it is bad */
export async function readConfig(files: CheckpointFiles): Promise<ModelConfig> {
  const text = await readTextFile(files, "config.json", 2 ** 24);
  if (text === undefined) throw refused({ file: files.location }, "must hold config.json", "no such file");
  return parseConfig(text);
}
