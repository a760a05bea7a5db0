/** The matrices of a checkpoint's parameters: those that it has quantized, and those that are quantized while loading. */
import { refused } from "../../checkpoint-error.ts";
import type { FloatDType } from "../../safetensors/cast.ts";
import { locate, type ParameterParts, partsOf, type TensorPart } from "../parts.ts";
import type { Located, Weights } from "../weights.ts";
import type { Quantization } from "./config.ts";
import { matrixFinder } from "./find.ts";
import type { Component, DequantizedMatrix, FoundMatrix, QuantizedMatrix } from "./matrix.ts";
import { quantizedRows } from "./round.ts";
import { floatRows, type RowValues, stackedRows } from "./rows.ts";
import type { QuantizationScheme } from "./scheme.ts";

/** The matrix of a parameter, and the tensors that it is made of. */
export interface ParameterMatrix<Matrix extends FoundMatrix = FoundMatrix> {
  readonly matrix: Matrix;
  readonly tensors: readonly Located[];
}

/** Finds the matrices of parameters. */
export class Matrices {
  readonly #weights: Weights;
  readonly #rules: ParameterParts;
  readonly #find: ReturnType<typeof matrixFinder> | undefined;
  readonly #found = new Map<string, ParameterMatrix | undefined>();

  constructor(weights: Weights, rules: ParameterParts, quantization: Quantization | undefined) {
    this.#weights = weights;
    this.#rules = rules;
    this.#find = quantization && matrixFinder(weights, quantization);
  }

  /**
   * The matrix of a parameter, if the checkpoint has it quantized, or else quantized by a scheme; undefined without either.
   * @throws CheckpointError if the tensors contradict each other, or parts of a stacked parameter are quantized differently
   */
  of(name: string, storedShape: readonly number[], scheme?: QuantizationScheme): ParameterMatrix | undefined {
    if (!this.#found.has(name)) this.#found.set(name, this.#stored(name, storedShape));
    return this.#found.get(name) ?? (scheme && this.#rounded(name, storedShape, scheme));
  }

  #stored(name: string, storedShape: readonly number[]): ParameterMatrix | undefined {
    if (storedShape.length < 2) return undefined;
    const parts = partsOf(name, storedShape, this.#weights, this.#rules);
    const found = parts.map((part) => this.#part(part));
    if (found.every((matrix) => matrix === undefined)) return undefined;
    for (const [i, matrix] of found.entries())
      if (matrix === undefined)
        throw refused(
          { file: this.#weights.location, key: parts[i].key },
          `must be quantized, as other parts of ${name} are`,
          "a plain tensor, or none",
        );
    const matrix =
      found.length === 1 ? (found[0] as FoundMatrix) : stacked(found as FoundMatrix[], name, this.#weights);
    return { matrix, tensors: present(matrix.keys, this.#weights) };
  }

  #part({ key, shape }: TensorPart): FoundMatrix | undefined {
    const module = key.replace(/\.weight$/, "");
    if (module === key) return undefined;
    const [columns] = shape.slice(-1);
    return this.#find?.({ module, rows: shape.slice(0, -1).reduce((a, b) => a * b, 1), columns });
  }

  #rounded(name: string, storedShape: readonly number[], scheme: QuantizationScheme): ParameterMatrix<QuantizedMatrix> {
    const tensors = partsOf(name, storedShape, this.#weights, this.#rules).map((part) =>
      locate(part, name, this.#weights),
    );
    const floats = stackedRows(tensors.map(floatRows));
    const matrix = quantizedRows(floats, scheme, scaleDtypeOf(scheme));
    this.#found.set(name, { matrix, tensors });
    return { matrix, tensors };
  }
}

/** Scales of a row take no room; those of groups are as wide as bfloat16, whose range is that of the weights. */
export const scaleDtypeOf = ({ groupSize }: QuantizationScheme): FloatDType =>
  groupSize === 0 ? "float32" : "bfloat16";

const present = (keys: readonly string[], { tensors }: Weights): readonly Located[] =>
  [...new Set(keys)].flatMap((key) => tensors.get(key) ?? []);

export const isQuantized = (matrix: FoundMatrix): matrix is QuantizedMatrix => "codes" in matrix;

const componentNames = ["codes", "scales", "zeros", "biases", "groupIndex", "codebook"] as const;
export type ComponentName = (typeof componentNames)[number];

/** Components that a matrix has. */
export const componentsOf = (matrix: QuantizedMatrix): readonly ComponentName[] =>
  componentNames.filter((name) => matrix[name] !== undefined);

/** Matrices one below the other, as one: of the same layout, dtypes and groups. */
function stacked(parts: readonly FoundMatrix[], name: string, { location }: Weights): FoundMatrix {
  const [first] = parts;
  const describe = (matrix: FoundMatrix): string =>
    isQuantized(matrix)
      ? `${componentsOf(matrix)
          .map((c) => `${c} ${matrix[c]?.dtype}`)
          .join(", ")}, groups of ${matrix.groupSize}`
      : "no codes";
  for (const part of parts)
    if (describe(part) !== describe(first))
      throw refused(
        { file: location, key: part.keys[0] },
        `must have ${describe(first)}, as other parts of ${name}`,
        describe(part),
      );
  const whole = {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    keys: parts.flatMap(({ keys }) => keys),
  };
  if (!isQuantized(first))
    return { ...first, ...whole, values: stackedRows((parts as DequantizedMatrix[]).map(({ values }) => values)) };
  const joined = Object.fromEntries(
    componentsOf(first).map((component) => {
      const rows = (parts as QuantizedMatrix[]).map((part) => part[component] as Component<RowValues>);
      return [component, component === "codebook" ? rows[0] : { ...stackedRows(rows), dtype: rows[0].dtype }];
    }),
  );
  return { ...first, ...joined, ...whole };
}
