/** A checkpoint as a quantized one, shard by shard. */
import * as nnx from "@jaxscale/nnx";
import { refused } from "../../checkpoint-error.ts";
import type { ModelConfig } from "../../config/config.ts";
import { type CheckpointFiles, readTextFile } from "../../files/byte-source.ts";
import { isJsonObject, parseJson } from "../../json/parse.ts";
import { CausalLM } from "../../model.ts";
import { type QuantizeOptions, schemeOf } from "../../quantize-model.ts";
import { safetensorsPieces, type WrittenTensor } from "../../safetensors/write.ts";
import { keyRules } from "../key-rules.ts";
import { locate, partsOf } from "../parts.ts";
import { type OnProgress, ProgressMeter } from "../progress.ts";
import { indexName, type Located, openWeights, type Weights } from "../weights.ts";
import { type QuantizationScheme, schemeText } from "./scheme.ts";
import { copiedTensor, packedTensors, quantizationConfig } from "./write.ts";

/** A file to write, by its name. */
export interface WrittenFile {
  readonly name: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Options of `quantizedFiles`. */
export interface QuantizeFilesOptions {
  readonly quantize: QuantizeOptions;
  readonly onProgress?: OnProgress;
  /** Called with the key of each weight that keeps its floats, for groups do not divide its columns. */
  readonly onKept?: (key: string) => void;
}

/**
 * The files of a checkpoint with quantized weights, in the format of compressed-tensors: `config.json` and as many shards as there were,
 * one piece after the other. The host holds a piece of a tensor at a time, and the scales of one.
 * @throws CheckpointError if it is quantized already, if tensors are missing, or if groups do not divide a weight
 */
export async function* quantizedFiles(
  files: CheckpointFiles,
  config: ModelConfig,
  { quantize, onProgress, onKept }: QuantizeFilesOptions,
): AsyncGenerator<WrittenFile> {
  if (config.quantization)
    throw refused({ file: "config.json", key: "quantization_config" }, "must be absent, to quantize", "one");
  const weights = await openWeights(files);
  try {
    const kept: string[] = [];
    const schemes = schemesOf(config, weights, quantize, (key) => {
      kept.push(key);
      onKept?.(key);
    });
    const all = [...weights.tensors.values()];
    const meter = new ProgressMeter(
      all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      onProgress,
    );
    const weightMap: Record<string, string> = {};
    for (const name of new Set(all.map(({ file }) => file.name))) {
      const tensors = all
        .filter(({ file }) => file.name === name)
        .flatMap((tensor): readonly WrittenTensor[] => {
          const scheme = schemes.get(tensor);
          const onRead = (sizeBytes: number): void => meter.add(tensor.key, sizeBytes);
          return scheme ? packedTensors(tensor, scheme, onRead) : [copiedTensor(tensor, onRead)];
        });
      for (const tensor of tensors) weightMap[tensor.name] = name;
      yield { name, pieces: safetensorsPieces(tensors) };
    }
    if (new Set(Object.values(weightMap)).size > 1) yield textFile(indexName, { metadata: {}, weight_map: weightMap });
    yield textFile("config.json", await quantizedConfig(files, schemes, kept));
  } finally {
    await weights.close();
  }
}

/** The scheme of each tensor that is quantized. */
function schemesOf(
  config: ModelConfig,
  weights: Weights,
  quantize: QuantizeOptions,
  onKept: (key: string) => void,
): ReadonlyMap<Located, QuantizationScheme> {
  const rules = keyRules(config);
  const schemes = new Map<Located, QuantizationScheme>();
  for (const [path, leaf] of nnx.state(new CausalLM(config, "float32"), nnx.Param)) {
    const parameter = leaf as nnx.Param;
    const scheme = schemeOf(parameter, quantize);
    if (!scheme) continue;
    const name = path.join(".");
    const shape = (parameter.metadata.storedShape as readonly number[] | undefined) ?? parameter.shape;
    for (const part of partsOf(name, shape, weights, rules)) {
      const tensor = locate(part, name, weights);
      if (tensor.shape.length !== 2 || !tensor.key.endsWith(".weight"))
        throw refused({ file: tensor.file.name, key: tensor.key }, "must be the weight of one linear layer", "a stack");
      // The format has whole groups only.
      if (scheme.groupSize > 0 && tensor.shape[1] % scheme.groupSize !== 0) onKept(tensor.key);
      else schemes.set(tensor, scheme);
    }
  }
  return schemes;
}

async function quantizedConfig(
  files: CheckpointFiles,
  schemes: ReadonlyMap<Located, QuantizationScheme>,
  kept: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const config = parseJson((await readTextFile(files, "config.json")) ?? "{}", { file: "config.json" });
  const groups = new Map<string, { readonly scheme: QuantizationScheme; readonly modules: string[] }>();
  for (const [{ key }, scheme] of schemes) {
    const group = groups.get(schemeText(scheme)) ?? { scheme, modules: [] };
    group.modules.push(moduleOf(key));
    groups.set(schemeText(scheme), group);
  }
  return {
    ...(isJsonObject(config) ? config : {}),
    quantization_config: quantizationConfig(groups, ["lm_head", ...kept.map(moduleOf)]),
  };
}

const moduleOf = (key: string): string => key.replace(/\.weight$/, "");

const textFile = (name: string, value: unknown): WrittenFile => ({
  name,
  pieces: (async function* () {
    yield new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  })(),
});
