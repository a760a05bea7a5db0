/** AWQ and GPTQ: matrices that lie with inputs first, `[in, out]`, packed into int32 words. */
import { refused } from "../../checkpoint-error.ts";
import type { FloatDType } from "../../safetensors/cast.ts";
import type { Located } from "../weights.ts";
import { field } from "./bits.ts";
import { groupsOf, missing, readGroupIndex } from "./groups.ts";
import {
  type Component,
  type FindMatrix,
  keysOf,
  type ModuleTensors,
  type QuantizedSource,
  tensorsOf,
  type WantedMatrix,
} from "./matrix.ts";
import { floatDtype, floatRows, type Rows, requireTensor, type WholeTensors } from "./rows.ts";

/** Nibble of column `8 j + i` of AWQ's words. @see https://github.com/casper-hansen/AutoAWQ */
const awqNibbles = [0, 4, 1, 5, 2, 6, 3, 7] as const;

/** AWQ `gemm`: codes and zero points in words along the outputs, interleaved. */
export const awq: FindMatrix = (wanted, source) => {
  if (source.quantization.method !== "awq") return undefined;
  const { rows, columns } = wanted;
  const tensor = tensorsOf(wanted, source);
  const packed = tensor("qweight");
  if (!packed) return undefined;
  if (rows % 8 !== 0)
    throw refused({ file: packed.file.name, key: packed.key }, "must have a multiple of 8 outputs", `${rows}`);
  requireTensor(packed, ["I32", "U32"], [columns, rows / 8]);
  const { scales, zeros, groups } = scalesAndZeros(wanted, tensor, packed, source);
  requireTensor(zeros, ["I32", "U32"], [groups.count, rows / 8]);
  const code = (words: Uint32Array, r: number, at: number): number =>
    field(words[at * (rows / 8) + (r >>> 3)], awqNibbles[r & 7], 4);
  return {
    rows,
    columns,
    groupSize: groups.size,
    codes: { ...transposedCodes(packed, rows, columns, source.whole, code), dtype: "uint4" },
    scales,
    zeros: { ...transposedCodes(zeros, rows, groups.count, source.whole, code), dtype: "uint4" },
    keys: keysOf(wanted, ["qweight", "qzeros", "scales", "g_idx"]),
  };
};

/** GPTQ: codes in words along the inputs, zero points in words along the outputs; `g_idx` is the group of each input. */
export const gptq: FindMatrix = (wanted, source) => {
  const { quantization, whole } = source;
  if (quantization.method !== "gptq") return undefined;
  const { rows, columns } = wanted;
  const tensor = tensorsOf(wanted, source);
  const packed = tensor("qweight");
  if (!packed) return undefined;
  const bits = (32 * packed.shape[0]) / columns;
  if (bits !== 4 && bits !== 8)
    throw refused(
      { file: packed.file.name, key: packed.key },
      `must hold ${columns} codes of 4 or 8 bits in ${columns / 8} or ${columns / 4} words`,
      `${packed.shape[0]}`,
    );
  requireTensor(packed, ["I32", "U32"], [(columns * bits) / 32, rows]);
  const { scales, zeros, groups } = scalesAndZeros(wanted, tensor, packed, source);
  const perWord = 32 / bits;
  const zeroWords = Math.ceil(rows / perWord);
  requireTensor(zeros, ["I32", "U32"], [groups.count, zeroWords]);
  // The whole word is added to, with carry: so exporters took the one away.
  const one = quantization.zerosLessOne ? (bits === 4 ? 0x11111111 : 0x01010101) : 0;
  const dtype = bits === 4 ? "uint4" : "uint8";
  const index = tensor("g_idx");
  return {
    rows,
    columns,
    groupSize: groups.size,
    codes: {
      ...transposedCodes(packed, rows, columns, whole, (words, r, c) =>
        field(words[Math.floor(c / perWord) * rows + r], c % perWord, bits),
      ),
      dtype,
    },
    scales,
    zeros: {
      ...transposedCodes(zeros, rows, groups.count, whole, (words, r, g) =>
        field((words[g * zeroWords + Math.floor(r / perWord)] + one) >>> 0, r % perWord, bits),
      ),
      dtype,
    },
    ...(index && readGroupIndex(index, columns, groups)),
    keys: keysOf(wanted, ["qweight", "qzeros", "scales", "g_idx"]),
  };
};

function scalesAndZeros(
  { rows, columns, module }: WantedMatrix,
  tensor: ModuleTensors,
  packed: Located,
  { quantization }: QuantizedSource,
) {
  const [stored, zeros] = ["scales", "qzeros"].map((name) => {
    const found = tensor(name);
    if (!found) throw missing(packed, `${module}.${name}`);
    return found;
  });
  const groups = groupsOf(stored, stored.shape[0] ?? 0, columns, quantization);
  requireTensor(stored, ["F16", "BF16", "F32"], [groups.count, rows]);
  const scales: Component<Float32Array> & { readonly dtype: FloatDType } = {
    ...transposedFloats(stored, rows, groups.count),
    dtype: floatDtype(stored),
  };
  return { scales, zeros, groups };
}

function transposedFloats(tensor: Located, rows: number, columns: number): Rows<Float32Array> {
  const stored = floatRows(tensor);
  const read = async (first: number, end: number): Promise<Float32Array> => {
    const all = await stored.read(0, columns);
    const values = new Float32Array((end - first) * columns);
    for (let g = 0; g < columns; g++)
      for (let r = first; r < end; r++) values[(r - first) * columns + g] = all[g * rows + r];
    return values;
  };
  return { rows, columns, read };
}

/** Rows of codes of a tensor that lies with columns first. @param code of a row and a column */
function transposedCodes(
  tensor: Located,
  rows: number,
  columns: number,
  whole: WholeTensors,
  code: (words: Uint32Array, row: number, column: number) => number,
): Rows<Uint8Array> {
  const read = async (first: number, end: number): Promise<Uint8Array> => {
    const words = await whole.words(tensor);
    const codes = new Uint8Array((end - first) * columns);
    let at = 0;
    for (let r = first; r < end; r++) for (let c = 0; c < columns; c++) codes[at++] = code(words, r, c);
    return codes;
  };
  return { rows, columns, read };
}
