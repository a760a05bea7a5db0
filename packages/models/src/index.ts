/** `@jaxscale/models`: models of the GLM family, their checkpoints and tokenizers, and the parts that other models are made of. */
import { folderFiles, resolveCheckpoint } from "#files";

export type { Architecture, CacheSize, DecoderLayer } from "./architecture.ts";
export { registerArchitecture } from "./architectures.ts";
export { type Judgement, judge, type Verdict } from "./benchmark/judge.ts";
export {
  type LadderOptions,
  type LadderRung,
  type MeasuredRung,
  measureLadder,
  type StepParts,
} from "./benchmark/ladder.ts";
export {
  type BenchmarkCase,
  type BenchmarkResult,
  type MeasuredRun,
  measureModel,
  type Peaks,
  type TimedRun,
} from "./benchmark/measure.ts";
export { type RandomModelOptions, randomModel } from "./benchmark/random-model.ts";
export { quantile, type Summary, summaryOf } from "./benchmark/summary.ts";
export { type CaseComparison, type Comparison, compareWithGolden } from "./compare/compare.ts";
export { cosineBetween } from "./compare/errors.ts";
export { GoldenFile } from "./compare/golden.ts";
export { observe } from "./compare/observe.ts";
export { partOf } from "./compare/order.ts";
export type { TensorComparison } from "./compare/tensor.ts";
export { type ModelConfig, modelTypes, parseConfig, readConfig } from "./config/config.ts";
export { type GenerationConfig, parseGenerationConfig, readGenerationConfig } from "./config/generation.ts";
export type { GlmConfig } from "./config/glm.ts";
export type { Glm4MoeLiteConfig } from "./config/glm4-moe-lite.ts";
export { parseRope, type RopeConfig, rotaryDim } from "./config/rope.ts";
export { parseShared, type SharedConfig, type SharedDefaults } from "./config/shared.ts";
export {
  fittingParallelism,
  type MemoryPlan,
  type MemoryUse,
  type PlannedGeneration,
  planMemory,
} from "./cost/memory-plan.ts";
export { generationPrograms } from "./cost/planned-programs.ts";
export { StepCost, type Work } from "./cost/step-cost.ts";
export { diagnoseAccumulation, type ProductDiagnosis } from "./diagnose/accumulation.ts";
export {
  type AgainstReference,
  type Divergence,
  diagnoseGeneration,
  type EndTokens,
  type GenerationCase,
  type GenerationDiagnosis,
  type GenerationOptions,
  type NamedToken,
  qualityPrompts,
} from "./diagnose/generation.ts";
export { diagnoseLayers, type LayersDiagnosis, type LayersOptions, type LayerTensor } from "./diagnose/layers.ts";
export { type Repetition, repetitionOf } from "./diagnose/repetition.ts";
export { diagnoseRope, type RopeDiagnosis, ropeFrequencies } from "./diagnose/rope.ts";
export { encodeRuns, type ObservedRun, observeGolden, observeRun, pairOf, type RunPair } from "./diagnose/run.ts";
export { nextTokens, type TopToken, topTokens } from "./diagnose/top-tokens.ts";
export { diagnoseWeights, type ParameterDiagnosis, parameterPieces } from "./diagnose/weights.ts";
export { type Answer, type EvaluateOptions, evaluate } from "./evaluate/evaluate.ts";
export { parseQuestions, type Question } from "./evaluate/questions.ts";
export { blobFiles, blobSource } from "./files/blob-files.ts";
export { type ByteSource, type CheckpointFiles, readBytes, readTextFile } from "./files/byte-source.ts";
export { urlFiles } from "./files/url-files.ts";
export { Chat, type ChatSettings, type Turn } from "./generate/chat.ts";
export type { FinishReason, GeneratedStep, GenerateOptions } from "./generate/generate.ts";
export { encodePrompt, type GeneratedText, type GenerateTextOptions, type Prompt } from "./generate/generate-text.ts";
export type { Usage } from "./generate/usage.ts";
export type { WarmupOptions } from "./generate/warmup.ts";
export { type HubId, parseHubId } from "./hub/hub-id.ts";
export type { Fields } from "./json/fields.ts";
export { LanguageModel, type LoadModelOptions } from "./language-model.ts";
export { attend } from "./layers/attend.ts";
export { FusedGatedMLP, GatedMLP } from "./layers/gated-mlp.ts";
export { GqaAttention, type GqaSizes } from "./layers/gqa-attention.ts";
export { emptyKeyValueCache, KeyValueCache, LatentCache, SequenceCache } from "./layers/kv-cache.ts";
export { Embedding, Linear, LinearPair } from "./layers/linear.ts";
export { type MlaSizes, MultiHeadLatentAttention } from "./layers/mla.ts";
export { expertParts, expertShare, MixtureOfExperts, type MoeSizes } from "./layers/moe.ts";
export { describe, type ParameterOptions } from "./layers/param.ts";
export { RMSNorm } from "./layers/rms-norm.ts";
export { type RopeSettings, type Rotation, rotate } from "./layers/rope.ts";
export { sowAll, sowAttention } from "./layers/sow.ts";
export { queryStep, type Step, stepAt, type Wanted, wantedOf } from "./layers/step.ts";
export { CausalLM, makeCaches, parametersOf, setParameters } from "./model.ts";
export { type Checkpoint, type OpenOptions, openCheckpoint } from "./open-checkpoint.ts";
export { type Axes, type AxisRules, type LogicalAxis, ModelMesh } from "./parallel/model-mesh.ts";
export { isDivisible, modelMesh, type Parallelism, type SplitSizes } from "./parallel/parallelism.ts";
export { type Component, componentOf } from "./profile/components.ts";
export {
  type HostStep,
  type KernelsOfStep,
  type ModelProfile,
  type ProfiledCase,
  type ProfileModelOptions,
  profileModel,
  type StepProfile,
  waitingPhases,
} from "./profile/profile-model.ts";
export { type QuantizeOptions, quantizeModel } from "./quantize-model.ts";
export { type HostTensor, SafetensorsFile } from "./safetensors/file.ts";
export type { SafetensorsHeader, TensorEntry } from "./safetensors/header.ts";
export { encodeSafetensors, safetensorsPieces, type WrittenTensor } from "./safetensors/write.ts";
export { type ChatMessage, type ChatOptions, ChatTemplate } from "./tokenizer/chat-template.ts";
export { readTokenizer } from "./tokenizer/read-tokenizer.ts";
export type { TextStream } from "./tokenizer/text-stream.ts";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer/tokenizer.ts";
export { type CacheSpeed, measureCache } from "./verify/measure-cache.ts";
export {
  type CacheVerification,
  type VerifiedStep,
  type VerifiedWay,
  type VerifyCacheOptions,
  verifyCaches,
} from "./verify/verify-cache.ts";
export { keyRules } from "./weights/key-rules.ts";
export { type LoadOptions, loadParameters } from "./weights/load.ts";
export type { StackingRule, TensorPart } from "./weights/parts.ts";
export {
  type IgnoreRule,
  type KeyRules,
  type LoadPlan,
  type ParameterSpec,
  type PlannedLoad,
  type PlannedParameter,
  planLoad,
} from "./weights/plan.ts";
export { formatBytes, formatProgress, type OnProgress, type Progress } from "./weights/progress.ts";
export {
  type QuantizeFilesOptions,
  quantizedFiles,
  type WrittenFile,
} from "./weights/quantized/quantize-checkpoint.ts";
export { parseScheme, type QuantizationScheme, schemeText } from "./weights/quantized/scheme.ts";
export { openWeights, type Weights } from "./weights/weights.ts";
export { folderFiles, resolveCheckpoint };
