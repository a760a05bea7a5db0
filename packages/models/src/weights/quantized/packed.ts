/**
 * compressed-tensors `pack-quantized`: codes of 4 or 8 bits in int32 words along the columns, each `2^(bits-1)` more than it means.
 * Zero points lie in words along the rows. @see https://github.com/neuralmagic/compressed-tensors
 */

import type { Located } from "../weights.ts";
import { bitsOfWords, cutRows, field, signedCodes, unpackWords } from "./bits.ts";
import { missing, readGroupIndex, requireGroups } from "./groups.ts";
import { type FindMatrix, keysOf, tensorsOf } from "./matrix.ts";
import { byteRows, floatDtype, floatRows, matrixShape, type Rows, requireTensor, wordRows } from "./rows.ts";

export const packQuantized: FindMatrix = (wanted, source) => {
  const { rows, columns } = wanted;
  const tensor = tensorsOf(wanted, source);
  const packed = tensor("weight_packed");
  if (!packed) return undefined;
  const stored = matrixShape(packed);
  const bits = bitsOfWords(packed, stored.columns, columns);
  requireTensor(packed, ["I32", "U32"], [rows, stored.columns]);
  const scale = tensor("weight_scale");
  if (!scale) throw missing(packed, `${wanted.module}.weight_scale`);
  const groups = requireGroups(scale, wanted, source.quantization);
  const zeroPoint = tensor("weight_zero_point");
  const index = tensor("weight_g_idx");
  const signed = zeroPoint === undefined;
  const codes = async (first: number, end: number): Promise<Uint8Array> =>
    cutRows(unpackWords(await wordRows(packed, first, end), bits), (stored.columns * 32) / bits, columns);
  return {
    rows,
    columns,
    groupSize: groups.size,
    codes: signed
      ? {
          rows,
          columns,
          dtype: bits === 4 ? "int4" : "int8",
          read: async (...at) => signedCodes(await codes(...at), bits),
        }
      : { rows, columns, dtype: bits === 4 ? "uint4" : "uint8", read: codes },
    scales: { ...floatRows(scale), columns: groups.count, rows, dtype: floatDtype(scale) },
    ...(zeroPoint && {
      zeros: { ...zerosAlongRows(zeroPoint, rows, groups.count, bits), dtype: bits === 4 ? "uint4" : "uint8" },
    }),
    ...(index && readGroupIndex(index, columns, groups)),
    keys: keysOf(wanted, [
      "weight_packed",
      "weight_scale",
      "weight_shape",
      "weight_zero_point",
      "weight_g_idx",
      ...activations,
    ]),
  };
};

/** Tensors for quantized activations and caches, which are not used: activations stay as they are. */
export const activations = ["input_scale", "input_zero_point", "output_scale", "k_scale", "v_scale"] as const;

/** Zero points packed along the rows: word `[w, g]` has those of rows `w · 32 / bits` and on. */
function zerosAlongRows(tensor: Located, rows: number, groups: number, bits: 4 | 8): Rows<Uint8Array> {
  const perWord = 32 / bits;
  requireTensor(tensor, ["I32", "U32"], [Math.ceil(rows / perWord), groups]);
  const read = async (first: number, end: number): Promise<Uint8Array> => {
    const firstWord = Math.floor(first / perWord);
    const words = await wordRows(tensor, firstWord, Math.ceil(end / perWord));
    const zeros = new Uint8Array((end - first) * groups);
    for (let r = first; r < end; r++) {
      const at = (Math.floor(r / perWord) - firstWord) * groups;
      for (let g = 0; g < groups; g++) zeros[(r - first) * groups + g] = field(words[at + g], r % perWord, bits);
    }
    return zeros;
  };
  return { rows, columns: groups, read };
}

/** compressed-tensors `int-quantized`: int8 codes as they are, a scale a row. */
export const intQuantized: FindMatrix = (wanted, source) => {
  const { rows, columns } = wanted;
  const tensor = tensorsOf(wanted, source);
  const weight = tensor("weight");
  if (weight?.dtype !== "I8") return undefined;
  requireTensor(weight, ["I8"], [rows, columns]);
  const scale = tensor("weight_scale");
  if (!scale) throw missing(weight, `${wanted.module}.weight_scale`);
  const groups = requireGroups(scale, wanted, source.quantization);
  const zeroPoint = tensor("weight_zero_point");
  if (zeroPoint) requireTensor(zeroPoint, ["I8"], [rows, groups.count], [rows]);
  return {
    rows,
    columns,
    groupSize: groups.size,
    codes: { ...byteRows(weight), dtype: "int8" },
    scales: { ...floatRows(scale), rows, columns: groups.count, dtype: floatDtype(scale) },
    ...(zeroPoint && { zeros: { ...byteRows(zeroPoint), rows, columns: groups.count, dtype: "int8" } }),
    keys: keysOf(wanted, ["weight", "weight_scale", "weight_zero_point", ...activations]),
  };
};
