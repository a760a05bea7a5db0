/** `quantization_config` of `config.json`: only what tensors do not say themselves. */
import { quoted, shown } from "../../checkpoint-error.ts";
import type { Fields } from "../../json/fields.ts";
import { isJsonObject } from "../../json/parse.ts";

/** What a config says of quantized weights. Which modules are quantized, and to how many bits, is seen in their tensors. */
export interface Quantization {
  readonly method: "compressed-tensors" | "fp8" | "awq" | "gptq" | "bitsandbytes" | "mlx";
  /** Columns that share a scale, of all kinds of modules; 0 is a whole row. Empty: any that divide the row. */
  readonly groupSizes: readonly number[];
  /** Rows and columns that share a scale, of weights in blocks. */
  readonly blocks: readonly (readonly [rows: number, columns: number])[];
  /** Whether stored zero points are one less than meant. */
  readonly zerosLessOne: boolean;
}

type Parse = (fields: Fields) => Quantization;

/** A reader for each `quant_method`. */
const methods: Readonly<Record<string, Parse>> = {
  "compressed-tensors": parseCompressedTensors,
  fp8: (fields) => {
    requireOf(fields, "fmt", ["e4m3"], "e4m3");
    requireOf(fields, "scale_fmt", ["float"], "float");
    return { method: "fp8", groupSizes: [], blocks: blocksOf(fields, "weight_block_size"), zerosLessOne: false };
  },
  awq: (fields) => {
    requireOf(fields, "version", ["gemm"], "gemm");
    requireOf(fields, "bits", [4], 4);
    return { method: "awq", groupSizes: [groupSize(fields)], blocks: [], zerosLessOne: false };
  },
  gptq: (fields) => {
    requireOf(fields, "checkpoint_format", ["gptq", "gptq_v2"], "gptq");
    requireOf(fields, "bits", [4, 8], 4);
    const zerosLessOne = (fields.raw("checkpoint_format") ?? "gptq") === "gptq";
    return { method: "gptq", groupSizes: [groupSize(fields)], blocks: [], zerosLessOne };
  },
  bitsandbytes: (fields) => {
    requireOf(fields, "load_in_8bit", [false], false);
    requireOf(fields, "load_in_4bit", [true], false);
    requireOf(fields, "bnb_4bit_quant_type", ["nf4"], "fp4");
    requireOf(fields, "bnb_4bit_quant_storage", ["uint8"], "uint8");
    return { method: "bitsandbytes", groupSizes: [], blocks: [], zerosLessOne: false };
  },
};

/**
 * The quantization of a checkpoint; undefined if the config has none.
 * @throws CheckpointError for a method or a format that is not read
 */
export function parseQuantization(fields: Fields): Quantization | undefined {
  const quantization = fields.object("quantization_config") ?? fields.object("quantization");
  if (!quantization) return undefined;
  const method = quantization.raw("quant_method");
  // MLX names no method.
  if (method === undefined && quantization.raw("group_size") !== undefined) return parseMlx(quantization);
  const parse = typeof method === "string" && Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!parse)
    throw quantization.error(
      "quant_method",
      `must be one of ${Object.keys(methods).join(", ")}, or absent as in MLX`,
      shown(method),
    );
  return parse(quantization);
}

const formats = ["pack-quantized", "int-quantized", "float-quantized", "naive-quantized"];

/** compressed-tensors: the group's own `format` goes before the outer one. */
function parseCompressedTensors(fields: Fields): Quantization {
  const groups = fields.object("config_groups");
  const names = groups ? Object.keys(fields.raw("config_groups") as object) : [];
  const groupSizes: number[] = [];
  const blocks: (readonly [number, number])[] = [];
  for (const name of names) {
    const group = groups?.object(name);
    const weights = group?.object("weights");
    if (!group || !weights) continue;
    const format = group.raw("format") ?? fields.raw("format");
    if (typeof format !== "string" || !formats.includes(format))
      throw group.error("format", `must be one of ${formats.join(", ")}`, shown(format));
    if (weights.string("strategy", "channel") === "block") blocks.push(...blocksOf(weights, "block_structure"));
    else groupSizes.push(weights.string("strategy", "channel") === "group" ? groupSize(weights) : 0);
  }
  return { method: "compressed-tensors", groupSizes, blocks, zerosLessOne: false };
}

/** MLX affine: sizes of all modules, and of some by their path. */
function parseMlx(fields: Fields): Quantization {
  requireOf(fields, "mode", ["affine"], "affine");
  const groupSizes = [groupSize(fields)];
  for (const key of fields.keys()) {
    if (!isJsonObject(fields.raw(key))) continue;
    const own = fields.object(key) as Fields;
    requireOf(own, "mode", ["affine"], "affine");
    groupSizes.push(own.integer("group_size", groupSizes[0]));
  }
  return { method: "mlx", groupSizes: [...new Set(groupSizes)], blocks: [], zerosLessOne: false };
}

/** 0 for a whole row, which files write as -1. */
function groupSize(fields: Fields): number {
  return Math.max(0, fields.integer("group_size", -1, { min: -1 }));
}

function blocksOf(fields: Fields, key: string): (readonly [number, number])[] {
  const value = fields.raw(key) ?? null;
  if (value === null) return [];
  if (!Array.isArray(value) || value.length !== 2 || !value.every((n) => Number.isInteger(n) && (n as number) > 0))
    throw fields.error(key, "must be rows and columns of a block", shown(value));
  return [value as unknown as readonly [number, number]];
}

function requireOf(fields: Fields, key: string, known: readonly unknown[], absent: unknown): void {
  const value = fields.raw(key) ?? absent;
  if (!known.includes(value))
    throw fields.error(key, `must be ${known.map((one) => quoted(String(one))).join(" or ")}`, shown(value));
}
