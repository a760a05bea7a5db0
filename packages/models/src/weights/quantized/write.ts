/** Quantized checkpoints as compressed-tensors writes them: `pack-quantized`. @see https://github.com/neuralmagic/compressed-tensors */
import type { StoredType } from "../../safetensors/dtypes.ts";
import type { WrittenTensor } from "../../safetensors/write.ts";
import { ElementWriter } from "../element-writer.ts";
import type { Located } from "../weights.ts";
import { scaleDtypeOf } from "./matrices.ts";
import { quantizedRows } from "./round.ts";
import { floatRows, matrixShape, type Rows, type RowValues, rowBytes } from "./rows.ts";
import type { QuantizationScheme } from "./scheme.ts";

/** Elements made at once. */
const pieceElements = 2 ** 22;

/** A tensor as it is, in pieces. */
export function copiedTensor(tensor: Located, onRead: (sizeBytes: number) => void): WrittenTensor {
  const { rows, columns } = matrixShape(tensor);
  const data = async function* (): AsyncGenerator<Uint8Array> {
    for (const [first, end] of blocks(rows, columns)) {
      const bytes = await rowBytes(tensor, first, end);
      onRead(bytes.length);
      yield bytes;
    }
  };
  return { name: tensor.key, dtype: tensor.dtype as StoredType, shape: tensor.shape, data };
}

/**
 * The tensors of a weight that is quantized: packed codes, scales, the shape, and zero points if they are not symmetric.
 * @param tensor floats, `X.weight` `[out, in]`, whose columns are whole groups
 */
export function packedTensors(
  tensor: Located,
  scheme: QuantizationScheme,
  onRead: (sizeBytes: number) => void,
): readonly WrittenTensor[] {
  const module = tensor.key.replace(/\.weight$/, "");
  const floats = floatRows(tensor);
  const { rows, columns } = floats;
  const { codes, scales, zeros } = quantizedRows(floats, scheme, scaleDtypeOf(scheme));
  const { bits, symmetric } = scheme;
  const perWord = 32 / bits;
  const offset = symmetric ? 2 ** (bits - 1) : 0;
  const packed: WrittenTensor = {
    name: `${module}.weight_packed`,
    dtype: "I32",
    shape: [rows, Math.ceil(columns / perWord)],
    data: async function* () {
      for (const [first, end] of blocks(rows, columns)) {
        onRead(((end - first) * tensor.sizeBytes) / rows);
        yield packRows(await codes.read(first, end), columns, bits, offset);
      }
    },
  };
  const ofRows = (values: Rows, dtype: "float32" | "bfloat16") =>
    async function* (): AsyncGenerator<Uint8Array> {
      yield new ElementWriter(dtype).bytes(await values.read(0, rows));
    };
  return [
    packed,
    {
      name: `${module}.weight_scale`,
      dtype: scales.dtype,
      shape: [rows, scales.columns],
      data: ofRows(scales, scales.dtype as "float32" | "bfloat16"),
    },
    {
      name: `${module}.weight_shape`,
      dtype: "I64",
      shape: [2],
      data: new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(columns)).buffer),
    },
    ...(zeros
      ? [
          {
            name: `${module}.weight_zero_point`,
            dtype: "I32",
            shape: [Math.ceil(rows / perWord), zeros.columns],
            data: async function* () {
              yield packRows(transposed(await zeros.read(0, rows), zeros.columns), rows, bits, 0, zeros.columns);
            },
          } as const,
        ]
      : []),
  ];
}

function* blocks(rows: number, columns: number): Generator<readonly [first: number, end: number]> {
  const step = Math.max(1, Math.floor(pieceElements / Math.max(1, columns)));
  for (let first = 0; first < rows; first += step) yield [first, Math.min(rows, first + step)];
}

function transposed(values: RowValues, columns: number): Uint8Array {
  const rows = values.length / columns;
  return Uint8Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

/**
 * Rows of codes in words of their own, the first code in the lowest bits; the last word may be filled in part.
 * @param across if given, words lie with rows last: word `w` of row `r` at `w · across + r`
 */
function packRows(codes: RowValues, columns: number, bits: 4 | 8, offset: number, across?: number): Uint8Array {
  const perWord = 32 / bits;
  const rows = columns === 0 ? 0 : codes.length / columns;
  const words = Math.ceil(columns / perWord);
  const packed = new Uint32Array(rows * words);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const w = Math.floor(c / perWord);
      packed[across === undefined ? r * words + w : w * across + r] |=
        (codes[r * columns + c] + offset) << ((c % perWord) * bits);
    }
  return new Uint8Array(packed.buffer);
}

/** `quantization_config` of a checkpoint whose linear layers are quantized by schemes, each with the modules that it is for. */
export function quantizationConfig(
  groups: ReadonlyMap<string, { readonly scheme: QuantizationScheme; readonly modules: readonly string[] }>,
  ignore: readonly string[],
): Readonly<Record<string, unknown>> {
  const isOnly = groups.size === 1;
  return {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    quantization_status: "compressed",
    global_compression_ratio: null,
    kv_cache_scheme: null,
    ignore,
    config_groups: Object.fromEntries(
      [...groups.values()].map(({ scheme, modules }, i) => [
        `group_${i}`,
        {
          targets: isOnly ? ["Linear"] : modules,
          input_activations: null,
          output_activations: null,
          weights: {
            num_bits: scheme.bits,
            type: "int",
            symmetric: scheme.symmetric,
            strategy: scheme.groupSize === 0 ? "channel" : "group",
            group_size: scheme.groupSize === 0 ? null : scheme.groupSize,
            actorder: null,
            block_structure: null,
            dynamic: false,
            observer: "minmax",
            observer_kwargs: {},
          },
        },
      ]),
    ),
  };
}
