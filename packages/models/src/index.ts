/** `@jaxscale/models`: checkpoints, configs and tokenizers of the GLM family. */
import { folderFiles, resolveCheckpoint } from "#files";

export { type ModelConfig, modelTypes, parseConfig, readConfig } from "./config/config.ts";
export { type GenerationConfig, parseGenerationConfig, readGenerationConfig } from "./config/generation.ts";
export type { GlmConfig } from "./config/glm.ts";
export type { Glm4MoeLiteConfig } from "./config/glm4-moe-lite.ts";
export type { RopeConfig } from "./config/rope.ts";
export type { SharedConfig } from "./config/shared.ts";
export { blobFiles, blobSource } from "./files/blob-files.ts";
export type { ByteSource, CheckpointFiles } from "./files/byte-source.ts";
export { urlFiles } from "./files/url-files.ts";
export { type HubId, parseHubId } from "./hub/hub-id.ts";
export { type Checkpoint, type OpenOptions, openCheckpoint } from "./open-checkpoint.ts";
export { type HostTensor, SafetensorsFile } from "./safetensors/file.ts";
export type { SafetensorsHeader, TensorEntry } from "./safetensors/header.ts";
export { encodeSafetensors, safetensorsPieces, type WrittenTensor } from "./safetensors/write.ts";
export { type ChatMessage, type ChatOptions, ChatTemplate } from "./tokenizer/chat-template.ts";
export { readTokenizer } from "./tokenizer/read-tokenizer.ts";
export type { TextStream } from "./tokenizer/text-stream.ts";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer/tokenizer.ts";
export { ignoredKeys } from "./weights/ignored-keys.ts";
export { type LoadOptions, loadParameters } from "./weights/load.ts";
export {
  type IgnoreRule,
  type LoadPlan,
  type ParameterSpec,
  type PlannedLoad,
  type PlannedParameter,
  planLoad,
} from "./weights/plan.ts";
export { formatBytes, formatProgress, type OnProgress, type Progress } from "./weights/progress.ts";
export { openWeights, type Weights } from "./weights/weights.ts";
export { folderFiles, resolveCheckpoint };
