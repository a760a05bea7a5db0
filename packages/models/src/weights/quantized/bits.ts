/** Codes in 32-bit words, the first in the lowest bits. */
import { refused } from "../../checkpoint-error.ts";
import type { Located } from "../weights.ts";

/** Codes of words, one a byte, in the order of the bits: eight of 4 bits a word, or four of 8. */
export function unpackWords(words: Uint32Array, bits: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  if (bits === 8) return bytes.slice();
  const codes = new Uint8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    codes[2 * i] = bytes[i] & 15;
    codes[2 * i + 1] = bytes[i] >>> 4;
  }
  return codes;
}

/** One field of a word. */
export const field = (word: number, index: number, bits: 4 | 8): number =>
  (word >>> (index * bits)) & ((1 << bits) - 1);

/** Rows of codes without the last ones of each, which only fill the word. */
export function cutRows(codes: Uint8Array, stored: number, columns: number): Uint8Array {
  if (stored === columns) return codes;
  const rows = codes.length / stored;
  const cut = new Uint8Array(rows * columns);
  for (let r = 0; r < rows; r++) cut.set(codes.subarray(r * stored, r * stored + columns), r * columns);
  return cut;
}

/** Codes of `2^(bits-1)` more than they mean, as signed ones. */
export function signedCodes(codes: Uint8Array, bits: 4 | 8): Int8Array {
  const half = 2 ** (bits - 1);
  const signed = new Int8Array(codes.length);
  for (let i = 0; i < codes.length; i++) signed[i] = codes[i] - half;
  return signed;
}

/** Bits of a code, of words that hold a row of them. @throws CheckpointError unless they hold codes of 4 or 8 bits */
export function bitsOfWords(tensor: Located, words: number, columns: number): 4 | 8 {
  for (const bits of [4, 8] as const) if (words === Math.ceil((columns * bits) / 32)) return bits;
  throw refused(
    { file: tensor.file.name, key: tensor.key },
    `must hold ${columns} codes of 4 or 8 bits in ${Math.ceil(columns / 8)} or ${Math.ceil(columns / 4)} words`,
    `${words}`,
  );
}
