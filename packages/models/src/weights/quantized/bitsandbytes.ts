/**
 * bitsandbytes nf4: codes of four bits, row after row, the first in the high half of a byte, each a place in a table of 16 values. 64
 * codes after each other share a scale, which may itself be a code of eight bits. Values are rounded to the dtype of the weight before.
 * @see https://github.com/bitsandbytes-foundation/bitsandbytes
 */
import { shown } from "../../checkpoint-error.ts";
import { Fields } from "../../json/fields.ts";
import { type JsonObject, parseJson } from "../../json/parse.ts";
import type { Located } from "../weights.ts";
import { rounded } from "./dequantize.ts";
import { missing } from "./groups.ts";
import { type FindMatrix, keysOf, tensorsOf, type WantedMatrix } from "./matrix.ts";
import { floatRows, requireTensor, rowBytes } from "./rows.ts";

/** Codes that share a scale, and scales of eight bits that share one. */
const blockSize = 64;
const nestedBlockSize = 256;
const state = "weight.quant_state.bitsandbytes__nf4";
const nested = ["weight.nested_quant_map", "weight.nested_absmax"] as const;

/** Tensors of a module, read by elements: a row of the matrix need not begin with a block. */
interface Nf4 {
  codes(start: number, end: number): Promise<Uint8Array>;
  /** Scales of blocks. */
  scales(start: number, end: number): Promise<Float32Array>;
  codebook(): Promise<Float32Array>;
}

export const nf4: FindMatrix = (wanted, source) => {
  if (source.quantization.method !== "bitsandbytes") return undefined;
  const { rows, columns } = wanted;
  const tensor = tensorsOf(wanted, source);
  const weight = tensor("weight");
  if (weight?.dtype !== "U8") return undefined;
  const required = (name: string): Located => {
    const found = tensor(name);
    if (!found) throw missing(weight, `${wanted.module}.${name}`);
    return found;
  };
  const { codes, scales, codebook } = nf4Of(weight, wanted, required);
  const keys = keysOf(wanted, ["weight", "weight.absmax", "weight.quant_map", state, ...nested]);
  const groups = columns / blockSize;
  if (Number.isInteger(groups))
    return {
      rows,
      columns,
      groupSize: blockSize,
      codes: { rows, columns, dtype: "uint4", read: (first, end) => codes(first * columns, end * columns) },
      scales: { rows, columns: groups, dtype: "float32", read: (first, end) => scales(first * groups, end * groups) },
      codebook: { rows: 1, columns: 16, dtype: "float32", read: codebook },
      roundedTo: "bfloat16",
      keys,
    };
  const values = async (first: number, end: number): Promise<Float32Array> => {
    const [start, stop] = [first * columns, end * columns];
    const firstBlock = Math.floor(start / blockSize);
    const factors = await scales(firstBlock, Math.ceil(stop / blockSize));
    const table = await codebook();
    const places = await codes(start, stop);
    const products = new Float32Array(places.length);
    for (let i = 0; i < places.length; i++)
      products[i] = table[places[i]] * factors[Math.floor((start + i) / blockSize) - firstBlock];
    return rounded(products, "bfloat16");
  };
  return { rows, columns, values: { rows, columns, read: values }, keys };
};

function nf4Of(weight: Located, wanted: WantedMatrix, required: (name: string) => Located): Nf4 {
  const size = wanted.rows * wanted.columns;
  const blocks = Math.ceil(size / blockSize);
  requireTensor(weight, ["U8"], [Math.ceil(size / 2), 1]);
  const absmax = requireTensor(required("weight.absmax"), ["F32", "U8"], [blocks]);
  const table = requireTensor(required("weight.quant_map"), ["F32"], [16]);
  const isNested = absmax.dtype === "U8";
  const described = required(state);
  const outer = isNested && {
    table: requireTensor(required(nested[0]), ["F32"], [256]),
    absmax: requireTensor(required(nested[1]), ["F32"], [Math.ceil(blocks / nestedBlockSize)]),
  };
  let reading: Promise<number> | undefined;
  const offset = (): Promise<number> => (reading ??= readOffset(described, wanted, isNested));
  const scales = async (start: number, end: number): Promise<Float32Array> => {
    const shift = await offset();
    if (!outer) return floatRows(ofElements(absmax)).read(start, end);
    const places = await rowBytes(ofElements(absmax), start, end);
    const values = await wholeOf(outer.table);
    const factors = await wholeOf(outer.absmax);
    return Float32Array.from(
      places,
      (place, i) => Math.fround(values[place] * factors[Math.floor((start + i) / nestedBlockSize)]) + shift,
    );
  };
  const codes = async (start: number, end: number): Promise<Uint8Array> => {
    const firstByte = Math.floor(start / 2);
    const bytes = await rowBytes(weight, firstByte, Math.ceil(end / 2));
    const places = new Uint8Array(end - start);
    for (let at = start; at < end; at++) {
      const byte = bytes[(at >> 1) - firstByte];
      places[at - start] = at % 2 === 0 ? byte >>> 4 : byte & 15;
    }
    return places;
  };
  return { codes, scales, codebook: () => wholeOf(table) };
}

/** A tensor as one of single elements. */
const ofElements = (tensor: Located): Located => ({ ...tensor, shape: [...tensor.shape, 1] });

const wholeOf = (tensor: Located): Promise<Float32Array> => floatRows(ofElements(tensor)).read(0, tensor.shape[0]);

/** What is added to scales of eight bits, or 0. @throws CheckpointError if the state says what this layout is not */
async function readOffset(described: Located, { rows, columns }: WantedMatrix, isNested: boolean): Promise<number> {
  const { file, key } = described;
  const bytes = await rowBytes(ofElements(described), 0, described.shape[0]);
  const parsed = parseJson(new TextDecoder().decode(bytes), { file: `${file.name}: ${key}` });
  const fields = new Fields(file.name, { [key]: parsed }).object(key) ?? new Fields(file.name, {}, `${key}.`);
  const known: JsonObject = {
    ...{ quant_type: "nf4", blocksize: blockSize, dtype: "bfloat16", shape: [rows, columns] },
    ...(isNested && { nested_blocksize: nestedBlockSize, nested_dtype: "float32" }),
  };
  for (const [name, value] of Object.entries(known)) {
    const got = fields.raw(name);
    if (JSON.stringify(got) !== JSON.stringify(value)) throw fields.error(name, `must be ${shown(value)}`, shown(got));
  }
  return isNested ? Math.fround(fields.number("nested_offset")) : 0;
}
