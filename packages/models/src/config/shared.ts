/** Config fields common to all families. */
import type { DType } from "jaxscale";
import { shown } from "../checkpoint-error.ts";
import type { Fields } from "../json/fields.ts";
import { parseQuantization, type Quantization } from "../weights/quantized/config.ts";

/** Config fields common to all families. */
export interface SharedConfig {
  readonly hiddenSize: number;
  /** Hidden size of the dense MLP. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  /** Whether q, k and v (MLA: the first projections and the output) have biases. */
  readonly attentionBias: boolean;
  /** Whether the output head shares the embedding table. */
  readonly tieWordEmbeddings: boolean;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | undefined;
  /** Dtype of the weights, from the file. */
  readonly dtype: DType | undefined;
  /** What the file says of quantized weights; undefined if they are plain. */
  readonly quantization: Quantization | undefined;
}

/** Defaults of a family for keys missing from `config.json`. */
export type SharedDefaults = Pick<
  SharedConfig,
  | "hiddenSize"
  | "intermediateSize"
  | "numHiddenLayers"
  | "numAttentionHeads"
  | "numKeyValueHeads"
  | "vocabSize"
  | "maxPositionEmbeddings"
  | "rmsNormEps"
  | "attentionBias"
  | "eosTokenIds"
  | "padTokenId"
>;

/** Reads the config fields common to all families. @throws CheckpointError naming the key, expected and found */
export function parseShared(fields: Fields, defaults: SharedDefaults): SharedConfig {
  const activation = fields.string("hidden_act", "silu");
  fields.require(activation === "silu", "hidden_act", 'must be "silu"', shown(activation));
  const numAttentionHeads = fields.integer("num_attention_heads", defaults.numAttentionHeads, { max: 65536 });
  const vocabSize = fields.integer("vocab_size", defaults.vocabSize);
  return {
    hiddenSize: fields.integer("hidden_size", defaults.hiddenSize),
    intermediateSize: fields.integer("intermediate_size", defaults.intermediateSize),
    numHiddenLayers: fields.integer("num_hidden_layers", defaults.numHiddenLayers, { max: 4096 }),
    numAttentionHeads,
    // As in the reference: null means the number of heads, a missing key the default of the class.
    numKeyValueHeads:
      fields.raw("num_key_value_heads") === null
        ? numAttentionHeads
        : fields.integer("num_key_value_heads", defaults.numKeyValueHeads),
    vocabSize,
    maxPositionEmbeddings: fields.integer("max_position_embeddings", defaults.maxPositionEmbeddings),
    rmsNormEps: fields.number("rms_norm_eps", defaults.rmsNormEps, { min: 0 }),
    attentionBias: fields.boolean("attention_bias", defaults.attentionBias),
    tieWordEmbeddings: fields.boolean("tie_word_embeddings", false),
    eosTokenIds: fields.integers("eos_token_id") ?? defaults.eosTokenIds,
    padTokenId: parsePad(fields, vocabSize, defaults.padTokenId),
    dtype: parseDtype(fields),
    quantization: parseQuantization(fields),
  };
}

function parsePad(fields: Fields, vocabSize: number, defaultId: number | undefined): number | undefined {
  const value = fields.raw("pad_token_id");
  if (value === null) return undefined;
  // The class's default is a token of the real vocabulary.
  if (value === undefined) return defaultId !== undefined && defaultId < vocabSize ? defaultId : undefined;
  return fields.integer("pad_token_id", undefined, { min: 0, max: vocabSize - 1 });
}

function parseDtype(fields: Fields): DType | undefined {
  const key = (fields.raw("dtype") ?? null) !== null ? "dtype" : "torch_dtype";
  const value = fields.raw(key) ?? null;
  if (value === null) return undefined;
  if (value === "float32" || value === "float16" || value === "bfloat16") return value;
  throw fields.error(key, "must be bfloat16, float16 or float32", shown(value));
}
