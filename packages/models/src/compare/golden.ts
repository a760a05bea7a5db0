/** Files of golden tensors: the outputs of a reference for a checkpoint, named `{case}.{f32|bf16}.{tensor}`. */
import { refused, shown } from "../checkpoint-error.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../json/parse.ts";
import type { HostTensor, SafetensorsFile } from "../safetensors/file.ts";

/** Recorded outputs of one run of a reference. */
export interface GoldenCase {
  readonly name: string;
  /** Tensors of its float32 run, and the largest and mean error of its bfloat16 run against them. */
  readonly tensors: readonly string[];
  readonly batch: number;
  readonly width: number;
  /** Input ids; undefined without a file of notes: the embeddings then determine them. */
  readonly ids: Grid | undefined;
  /** Mask of the columns that hold tokens; the others are padding, before or after them. */
  readonly mask: Grid | undefined;
  /** Tokens that the reference chose, `[B][n]`. */
  readonly greedy: Grid | undefined;
  /** Recorded errors of the reference's own bfloat16 run, by tensor. */
  readonly recorded: Readonly<Record<string, Allowance>>;
}

/** Allowed errors of bfloat16 against float32. */
export interface Allowance {
  readonly maxAbs: number;
  /** Root mean square of the error ÷ that of the values. */
  readonly rmsRelative: number;
}

type Grid = readonly (readonly number[])[];

/** Golden tensors in a safetensors file, with their cases and tolerances. */
export class GoldenFile {
  readonly #file: SafetensorsFile;
  readonly cases: readonly GoldenCase[];

  /**
   * @param notes text of the `golden.json` beside the file, if there is one
   * @throws CheckpointError if the file has no case, or the notes contradict the tensors
   */
  constructor(file: SafetensorsFile, notes?: { readonly text: string; readonly file: string }) {
    this.#file = file;
    const noted = notes ? notedCases(parseJson(notes.text, notes)) : {};
    const names = new Map<string, string[]>();
    for (const key of file.entries.keys()) {
      const [, name, tensor] = /^(.+?)\.f32\.(.+)$/.exec(key) ?? [];
      if (name !== undefined) names.set(name, [...(names.get(name) ?? []), tensor]);
    }
    if (names.size === 0)
      throw refused({ file: file.name }, "must hold tensors named {case}.f32.{tensor}", `${file.entries.size} others`);
    this.cases = [...names].map(([name, tensors]) => this.#case(name, tensors, noted[name]));
  }

  /** Values of a tensor. */
  read(golden: GoldenCase, tensor: string): Promise<HostTensor> {
    return this.#file.read(`${golden.name}.f32.${tensor}`);
  }

  /** Errors of the bfloat16 run of the reference; undefined if the file has none. */
  async readBfloat16(golden: GoldenCase, tensor: string): Promise<HostTensor | undefined> {
    const key = `${golden.name}.bf16.${tensor}`;
    return this.#file.entries.has(key) ? this.#file.read(key) : undefined;
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #case(name: string, tensors: readonly string[], noted: JsonObject | undefined): GoldenCase {
    const first = tensors.find((tensor) => tensor !== "decode_logits") ?? tensors[0];
    const [batch, width] = this.#file.entry(`${name}.f32.${first}`).shape;
    const grid = (key: string, width?: number): Grid | undefined => {
      const value = noted?.[key];
      if (value === undefined) return undefined;
      const isGrid =
        Array.isArray(value) &&
        value.length === batch &&
        value.every((row) => Array.isArray(row) && row.every(Number.isInteger) && row.length === (width ?? row.length));
      if (isGrid) return value as number[][];
      throw refused(
        { file: this.#file.name, key: `${name}.${key}` },
        `must be ${batch} × ${width} integers`,
        shown(value),
      );
    };
    return {
      name,
      tensors,
      batch,
      width,
      ids: grid("input_ids", width),
      mask: grid("attention_mask", width),
      greedy: greedyOf(noted),
      recorded: recordedOf(noted),
    };
  }
}

function notedCases(notes: JsonValue): Readonly<Record<string, JsonObject>> {
  const cases = isJsonObject(notes) && isJsonObject(notes.cases) ? notes.cases : {};
  return Object.fromEntries(
    Object.entries(cases).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1])),
  );
}

function greedyOf(noted: JsonObject | undefined): Grid | undefined {
  const greedy = noted?.greedy;
  const ids = isJsonObject(greedy ?? null) ? (greedy as JsonObject).f32 : undefined;
  return Array.isArray(ids) && ids.every((row) => Array.isArray(row) && row.every(Number.isInteger))
    ? (ids as number[][])
    : undefined;
}

function recordedOf(noted: JsonObject | undefined): Record<string, Allowance> {
  const greedy = isJsonObject(noted?.greedy ?? null) ? (noted?.greedy as JsonObject) : undefined;
  const errors = isJsonObject(noted?.bf16_vs_f32 ?? null) ? (noted?.bf16_vs_f32 as JsonObject) : {};
  const all = { ...errors, decode_logits: greedy?.bf16_forced_vs_f32_decode_logits ?? null };
  return Object.fromEntries(
    Object.entries(all).flatMap(([tensor, value]) => {
      const { max_abs, rms_rel } = isJsonObject(value) ? value : ({} as JsonObject);
      return typeof max_abs === "number" && typeof rms_rel === "number"
        ? [[tensor, { maxAbs: max_abs, rmsRelative: rms_rel }]]
        : [];
    }),
  );
}
