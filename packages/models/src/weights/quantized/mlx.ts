/**
 * MLX affine: unsigned codes in uint32 words along the columns, `codes · scales + biases`. Experts of a layer lie in one tensor, and
 * `kv_b_proj` as the two parts that absorbed decoding multiplies with. @see https://github.com/ml-explore/mlx
 */
import { refused } from "../../checkpoint-error.ts";
import type { Located } from "../weights.ts";
import { bitsOfWords, unpackWords } from "./bits.ts";
import { dequantizedRows } from "./dequantize.ts";
import { missing, requireGroups } from "./groups.ts";
import {
  type DequantizedMatrix,
  type FindMatrix,
  keysOf,
  type QuantizedMatrix,
  type QuantizedSource,
  tensorsOf,
  type WantedMatrix,
} from "./matrix.ts";
import {
  floatDtype,
  floatRows,
  matrixShape,
  type Rows,
  requireTensor,
  rowRange,
  stackedRows,
  wordRows,
} from "./rows.ts";

export const mlx: FindMatrix = (wanted, source) => keyValueParts(wanted, source) ?? affine(wanted, source);

function affine(wanted: WantedMatrix, source: QuantizedSource): QuantizedMatrix | undefined {
  const place = placeOf(wanted, source);
  const { module, rows, columns, firstRow } = place;
  const tensor = tensorsOf({ ...wanted, module }, source);
  const packed = tensor("weight");
  const scale = tensor("scales");
  if (packed?.dtype !== "U32" && packed?.dtype !== "I32") return undefined;
  if (!scale) throw missing(packed, `${module}.scales`);
  const bias = tensor("biases");
  if (!bias) throw missing(packed, `${module}.biases`);
  const stored = matrixShape(packed);
  const bits = bitsOfWords(packed, stored.columns, columns);
  if (stored.rows !== place.storedRows)
    throw refused({ file: packed.file.name, key: packed.key }, `must have ${place.storedRows} rows`, `${stored.rows}`);
  const flat = { ...scale, shape: [matrixShape(scale).rows, matrixShape(scale).columns] };
  const groups = requireGroups(flat, { module, rows: place.storedRows, columns }, source.quantization);
  requireTensor(bias, [scale.dtype], scale.shape);
  const part = <V extends Parameters<typeof rowRange>[0]>(all: V): V => rowRange(all, firstRow, firstRow + rows) as V;
  const codes: Rows<Uint8Array> = {
    rows: stored.rows,
    columns,
    read: async (...at) => unpackWords(await wordRows(packed, ...at), bits),
  };
  return {
    rows,
    columns,
    groupSize: groups.size,
    codes: { ...part(codes), dtype: bits === 4 ? "uint4" : "uint8" },
    scales: { ...part(floatRows(scale)), dtype: floatDtype(scale) },
    biases: { ...part(floatRows(bias)), dtype: floatDtype(bias) },
    keys: [`${module}.weight`, `${module}.scales`, `${module}.biases`],
  };
}

/**
 * `kv_b_proj` from `embed_q` `[N,C,P]` and `unembed_out` `[N,V,C]`: of each head first the transpose of the one, then the other. The
 * groups of the transposed part run along its rows, so that it is dequantized.
 */
function keyValueParts(wanted: WantedMatrix, source: QuantizedSource): DequantizedMatrix | undefined {
  const { module, rows, columns } = wanted;
  if (!module.endsWith(".kv_b_proj")) return undefined;
  const [keyModule, valueModule] = ["embed_q", "unembed_out"].map((name) => module.replace(/kv_b_proj$/, name));
  const [key, value] = [keyModule, valueModule].map((name) => source.weights.tensors.get(`${name}.weight`));
  if (!key || !value) return undefined;
  const [heads, valueRows] = [key.shape[0], value.shape[1] ?? 0];
  const keyRows = rows / heads - valueRows;
  const floats = (module: string, rows: number, columns: number): Rows<Float32Array> => {
    const matrix = affine({ module, rows, columns }, source);
    return matrix ? dequantizedRows(matrix) : floatRows(source.weights.tensors.get(`${module}.weight`) as Located);
  };
  const keys = floats(keyModule, heads * columns, keyRows);
  const values = floats(valueModule, heads * valueRows, columns);
  const head = async (n: number): Promise<Float32Array> => {
    const transposed = await keys.read(n * columns, (n + 1) * columns);
    const all = new Float32Array((rows / heads) * columns);
    for (let c = 0; c < columns; c++)
      for (let p = 0; p < keyRows; p++) all[p * columns + c] = transposed[c * keyRows + p];
    all.set(await values.read(n * valueRows, (n + 1) * valueRows), keyRows * columns);
    return all;
  };
  const ofHeads = stackedRows(
    Array.from({ length: heads }, (_, n) => ({
      rows: rows / heads,
      columns,
      read: async (first: number, end: number) => (await head(n)).subarray(first * columns, end * columns),
    })),
  );
  const names = ["weight", "scales", "biases"];
  return {
    rows,
    columns,
    values: ofHeads,
    keys: [keyModule, valueModule].flatMap((module) => keysOf({ module, rows, columns }, names)),
  };
}

interface Place extends WantedMatrix {
  readonly firstRow: number;
  readonly storedRows: number;
}

const expert = /^(.*)\.experts\.(\d+)\.([a-z_]+)$/;

/** Where a matrix lies: experts one after the other in `switch_mlp`. */
function placeOf({ module, rows, columns }: WantedMatrix, { weights }: QuantizedSource): Place {
  const found = expert.exec(module);
  const stacked = found && `${found[1]}.switch_mlp.${found[3]}`;
  const tensor = stacked ? weights.tensors.get(`${stacked}.weight`) : undefined;
  if (!found || !stacked || !tensor) return { module, rows, columns, firstRow: 0, storedRows: rows };
  return { module: stacked, rows, columns, firstRow: Number(found[2]) * rows, storedRows: tensor.shape[0] * rows };
}
