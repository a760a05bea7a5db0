/** A quantized matrix of a checkpoint, in the one layout that models compute with. */
import type { DType } from "jaxscale";
import type { FloatDType } from "../../safetensors/cast.ts";
import type { Located, Weights } from "../weights.ts";
import type { Quantization } from "./config.ts";
import type { Rows, RowValues, WholeTensors } from "./rows.ts";

/** Rows of one dtype on the device. */
export interface Component<Values extends RowValues = RowValues> extends Rows<Values> {
  readonly dtype: DType;
}

/**
 * `W[r,c] = (codes[r,c] - zeros[r,g]) · scales[r,g]`, or `codes[r,c] · scales[r,g] + biases[r,g]`, or
 * `codebook[codes[r,c]] · scales[r,g]`, where `g` is `groupIndex[c]`, or `floor(c / groupSize)`.
 */
export interface QuantizedMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Columns that share a scale; the last group may be shorter. */
  readonly groupSize: number;
  readonly codes: Component<Int8Array | Uint8Array>;
  /** The value of each code, where codes are bits of a float; codes are integers if absent. */
  readonly codeValues?: ArrayLike<number>;
  /** `[rows, groups]`. */
  readonly scales: Component<Float32Array> & { readonly dtype: FloatDType };
  /** `[rows, groups]`, of the dtype of codes. */
  readonly zeros?: Component<Int8Array | Uint8Array>;
  /** `[rows, groups]`. */
  readonly biases?: Component<Float32Array>;
  /** Group of each column, as one row. */
  readonly groupIndex?: Component<Int32Array>;
  /** What each code stands for, as one row: the same for a whole model. */
  readonly codebook?: Component<Float32Array>;
  /** Dtype that the values above are rounded to, if the layout rounds them. */
  readonly roundedTo?: FloatDType;
  /** Keys of tensors that it is made of or that belong to it; some may not be there. */
  readonly keys: readonly string[];
}

/** A matrix that a checkpoint has in no layout that models compute with: it is dequantized while loading. */
export interface DequantizedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Rows<Float32Array>;
  readonly keys: readonly string[];
}

/** A module of the checkpoint, and the matrix that the model wants of it. */
export interface WantedMatrix {
  /** Its name: that of its tensors without their last part. */
  readonly module: string;
  readonly rows: number;
  readonly columns: number;
}

/** What a layout reads from. */
export interface QuantizedSource {
  readonly weights: Weights;
  readonly quantization: Quantization;
  readonly whole: WholeTensors;
}

/** A layout: the matrix if the module's tensors have it, undefined if they do not. @throws CheckpointError if they contradict each other */
export type FindMatrix = (wanted: WantedMatrix, source: QuantizedSource) => FoundMatrix | undefined;

export type FoundMatrix = QuantizedMatrix | DequantizedMatrix;

/** A tensor of a module by the last part of its key. */
export type ModuleTensors = (name: string) => Located | undefined;

export const tensorsOf =
  ({ module }: WantedMatrix, { weights }: QuantizedSource): ModuleTensors =>
  (name) =>
    weights.tensors.get(`${module}.${name}`);

export const keysOf = ({ module }: WantedMatrix, names: readonly string[]): readonly string[] =>
  names.map((name) => `${module}.${name}`);
