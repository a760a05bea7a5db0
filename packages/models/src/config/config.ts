/** `config.json` of a checkpoint, typed by its `model_type`. */
import { refused, shown } from "../checkpoint-error.ts";
import { type CheckpointFiles, readTextFile } from "../files/byte-source.ts";
import { Fields } from "../json/fields.ts";
import { isJsonObject, parseJson } from "../json/parse.ts";
import { type GlmConfig, parseGlm } from "./glm.ts";
import { type Glm4MoeLiteConfig, parseGlm4MoeLite } from "./glm4-moe-lite.ts";

export type ModelConfig = GlmConfig | Glm4MoeLiteConfig;

const parsers: Readonly<Record<ModelConfig["modelType"], (fields: Fields) => ModelConfig>> = {
  glm: (fields) => parseGlm("glm", fields),
  glm4: (fields) => parseGlm("glm4", fields),
  glm4_moe_lite: parseGlm4MoeLite,
};

/** The architectures that can be loaded. */
export const modelTypes = Object.keys(parsers) as readonly ModelConfig["modelType"][];

const isModelType = (name: unknown): name is ModelConfig["modelType"] => modelTypes.some((known) => known === name);

/**
 * Every size comes from the file, or else from the defaults of the architecture's class in transformers.
 * @throws CheckpointError for an unknown `model_type` (it lists the known ones) and for sizes that contradict each other
 */
export function parseConfig(text: string, file = "config.json"): ModelConfig {
  const object = parseJson(text, { file });
  if (!isJsonObject(object)) throw refused({ file }, "must be an object", shown(object));
  const fields = new Fields(file, object);
  const type = fields.raw("model_type");
  if (!isModelType(type)) {
    const old = type === "chatglm" ? "; repositories of that type hold another layout, look for one named -hf" : "";
    throw fields.error("model_type", `must be one of ${modelTypes.join(", ")}`, `${shown(type)}${old}`);
  }
  return parsers[type](fields);
}

/** @throws CheckpointError if there is no `config.json`, or it is bad */
export async function readConfig(files: CheckpointFiles): Promise<ModelConfig> {
  const text = await readTextFile(files, "config.json", 2 ** 24);
  if (text === undefined) throw refused({ file: files.location }, "must hold config.json", "no such file");
  return parseConfig(text);
}
