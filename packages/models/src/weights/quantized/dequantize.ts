/** Quantized matrices as float32, on the host. */

import { castBytes, type FloatDType } from "../../safetensors/cast.ts";
import type { QuantizedMatrix } from "./matrix.ts";
import type { Rows } from "./rows.ts";

/** The matrix in float32, each operation rounded once, as the files' own libraries do. */
export function dequantizedRows(matrix: QuantizedMatrix): Rows<Float32Array> {
  const { rows, columns, groupSize, codes, scales, zeros, biases, groupIndex, codebook, roundedTo } = matrix;
  const read = async (first: number, end: number): Promise<Float32Array> => {
    const q = await codes.read(first, end);
    const s = await scales.read(first, end);
    const z = await zeros?.read(first, end);
    const b = await biases?.read(first, end);
    const index = await groupIndex?.read(0, 1);
    const codeValues = (await codebook?.read(0, 1)) ?? matrix.codeValues;
    const w = new Float32Array(q.length);
    for (let i = 0; i < w.length; i++) {
      const c = i % columns;
      const g = ((i - c) / columns) * scales.columns + (index ? index[c] : Math.floor(c / groupSize));
      const scaled = Math.fround(((codeValues ? codeValues[q[i]] : q[i]) - (z ? z[g] : 0)) * s[g]);
      w[i] = b ? scaled + b[g] : scaled;
    }
    return roundedTo ? rounded(w, roundedTo) : w;
  };
  return { rows, columns, read };
}

/** Values rounded to another dtype, as float32. */
export function rounded(values: Float32Array<ArrayBuffer>, dtype: FloatDType): Float32Array {
  const narrow = castBytes(new Uint8Array(values.buffer), "float32", dtype);
  return new Float32Array(castBytes(narrow, dtype, "float32").buffer);
}
