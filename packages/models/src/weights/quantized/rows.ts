/** Matrices read by rows: what quantized tensors are repacked from, a range of rows at a time. */
import { refused, shapeText } from "../../checkpoint-error.ts";
import { readBytes } from "../../files/byte-source.ts";
import { castBytes, type FloatDType, isFloatDType } from "../../safetensors/cast.ts";
import { arrayDtype } from "../../safetensors/dtypes.ts";
import type { Located } from "../weights.ts";

/** Elements on the host, one a place: codes of four bits take a byte each. */
export type RowValues = Int8Array | Uint8Array | Int32Array | Float32Array;

/** A matrix read by rows. */
export interface Rows<Values extends RowValues = RowValues> {
  readonly rows: number;
  readonly columns: number;
  /** Rows `first` to `end - 1`, one behind the other. */
  read(first: number, end: number): Promise<Values>;
}

/** Bytes of rows of a tensor; axes but the last are one. */
export async function rowBytes(tensor: Located, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const { rows } = matrixShape(tensor);
  const size = rows === 0 ? 0 : tensor.sizeBytes / rows;
  return readBytes(tensor.file.source, tensor.offset + first * size, (end - first) * size);
}

/** Rows and columns of a tensor; axes but the last are one. */
export function matrixShape({ shape }: Located): { readonly rows: number; readonly columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: shape.slice(0, -1).reduce((a, b) => a * b, 1), columns };
}

/** Rows of a float tensor as float32. @throws CheckpointError if the tensor does not hold floats */
export function floatRows(tensor: Located): Rows<Float32Array> {
  const dtype = floatDtype(tensor);
  return {
    ...matrixShape(tensor),
    read: async (first, end) =>
      new Float32Array(castBytes(await rowBytes(tensor, first, end), dtype, "float32").buffer),
  };
}

/** The float dtype of a tensor. @throws CheckpointError if the tensor does not hold floats */
export function floatDtype({ dtype, file, key }: Located): FloatDType {
  const known = arrayDtype(dtype);
  if (known === undefined || !isFloatDType(known))
    throw refused({ file: file.name, key }, "must have dtype BF16, F16 or F32", dtype);
  return known;
}

/** Rows of a tensor of bytes, signed or not as its dtype says. */
export function byteRows(tensor: Located): Rows<Int8Array | Uint8Array> {
  const signed = tensor.dtype === "I8";
  return {
    ...matrixShape(tensor),
    read: async (first, end) => {
      const bytes = await rowBytes(tensor, first, end);
      return signed ? new Int8Array(bytes.buffer) : bytes;
    },
  };
}

/** Rows of a tensor of 32-bit words. */
export const wordRows = async (tensor: Located, first: number, end: number): Promise<Uint32Array> =>
  new Uint32Array((await rowBytes(tensor, first, end)).buffer);

/** Several matrices of as many columns, one below the other. */
export function stackedRows<Values extends RowValues>(parts: readonly Rows<Values>[]): Rows<Values> {
  const starts: number[] = [];
  let rows = 0;
  for (const part of parts) {
    starts.push(rows);
    rows += part.rows;
  }
  const read = async (first: number, end: number): Promise<Values> => {
    const blocks: Values[] = [];
    for (const [i, part] of parts.entries()) {
      const from = Math.max(first - starts[i], 0);
      const to = Math.min(end - starts[i], part.rows);
      if (from < to) blocks.push(await part.read(from, to));
    }
    return joined(blocks);
  };
  return { rows, columns: parts[0].columns, read };
}

function joined<Values extends RowValues>(blocks: readonly Values[]): Values {
  if (blocks.length === 1) return blocks[0];
  const size = blocks.reduce((sum, { length }) => sum + length, 0);
  const all = new (blocks[0].constructor as new (size: number) => Values)(size);
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

/** Some rows of a matrix as a matrix. */
export const rowRange = <Values extends RowValues>(
  { columns, read }: Rows<Values>,
  first: number,
  end: number,
): Rows<Values> => ({
  rows: end - first,
  columns,
  read: (from, to) => read(first + from, first + to),
});

/**
 * Reads whole tensors, and keeps the newest one: what lies transposed in a file is read once, although rows are asked for in several ranges.
 */
export class WholeTensors {
  #newest: { readonly tensor: Located; readonly words: Promise<Uint32Array> } | undefined;

  /** The 32-bit words of a tensor. */
  words(tensor: Located): Promise<Uint32Array> {
    if (this.#newest?.tensor !== tensor) {
      const words = wordRows(tensor, 0, matrixShape(tensor).rows);
      this.#newest = { tensor, words };
    }
    return this.#newest.words;
  }
}

/** @throws CheckpointError unless the tensor has the dtype and one of the shapes */
export function requireTensor(
  tensor: Located,
  dtypes: readonly string[],
  ...shapes: readonly (readonly number[])[]
): Located {
  const { shape, dtype, key, file } = tensor;
  const place = { file: file.name, key };
  if (!dtypes.includes(dtype)) throw refused(place, `must have dtype ${dtypes.join(" or ")}`, dtype);
  if (!shapes.some((wanted) => wanted.length === shape.length && wanted.every((n, axis) => n === shape[axis])))
    throw refused(place, `must have shape ${shapes.map(shapeText).join(" or ")}`, shapeText(shape));
  return tensor;
}
