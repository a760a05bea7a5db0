/** Weights of eight-bit floats, E4M3: a scale for the matrix, a row or a block. */
import { elementsOfBytes } from "jaxscale";
import { refused, shapeText } from "../../checkpoint-error.ts";
import type { Located } from "../weights.ts";
import type { Quantization } from "./config.ts";
import { missing } from "./groups.ts";
import {
  type Component,
  type FindMatrix,
  keysOf,
  type QuantizedMatrix,
  tensorsOf,
  type WantedMatrix,
} from "./matrix.ts";
import { activations } from "./packed.ts";
import { byteRows, floatDtype, floatRows, requireTensor } from "./rows.ts";

const e4m3Values = elementsOfBytes(
  "float8_e4m3fn",
  Uint8Array.from({ length: 256 }, (_, code) => code),
);

/** compressed-tensors `float-quantized` (`weight_scale`) and DeepSeek's blocks (`weight_scale_inv`, which are multiplied with as well). */
export const float8: FindMatrix = (wanted, source) => {
  const { rows, columns, module } = wanted;
  const tensor = tensorsOf(wanted, source);
  const weight = tensor("weight");
  if (weight?.dtype !== "F8_E4M3") return undefined;
  requireTensor(weight, ["F8_E4M3"], [rows, columns]);
  const scale = tensor("weight_scale_inv") ?? tensor("weight_scale");
  if (!scale) throw missing(weight, `${module}.weight_scale`);
  return {
    rows,
    columns,
    codes: { ...byteRows(weight), dtype: "float8_e4m3fn" },
    codeValues: e4m3Values,
    ...scalesOf(scale, wanted, source.quantization),
    keys: keysOf(wanted, ["weight", "weight_scale", "weight_scale_inv", "weight_zero_point", ...activations]),
  };
};

/** Scales `[rows, groups]`: those of a block are repeated for its rows. */
function scalesOf(
  scale: Located,
  { rows, columns }: WantedMatrix,
  { blocks }: Quantization,
): Pick<QuantizedMatrix, "scales" | "groupSize"> {
  const dtype = floatDtype(scale);
  const ofBlocks = (height: number, width: number, count: number): Pick<QuantizedMatrix, "scales" | "groupSize"> => {
    const grid = { ...floatRows(scale), columns: count };
    return { groupSize: width, scales: { ...repeatedRows(grid, height, rows), dtype } };
  };
  const isShape = (...wanted: number[]): boolean =>
    scale.shape.length === wanted.length && wanted.every((n, axis) => n === scale.shape[axis]);
  if (isShape() || isShape(1)) return ofBlocks(rows, columns, 1);
  // The config tells the block, never the grid: a last block may be smaller.
  for (const [height, width] of blocks)
    if (isShape(Math.ceil(rows / height), Math.ceil(columns / width)))
      return ofBlocks(height, width, Math.ceil(columns / width));
  if (blocks.length === 0 && (isShape(rows, 1) || isShape(rows))) return ofBlocks(1, columns, 1);
  const grids = blocks.map(([h, w]) => `[${Math.ceil(rows / h)},${Math.ceil(columns / w)}]`);
  throw refused(
    { file: scale.file.name, key: scale.key },
    `must have shape ${blocks.length > 0 ? `${grids.join(" or ")}, for blocks of ${blocks.map(([h, w]) => `${h}x${w}`).join(" or ")}` : `[1] or [${rows},1]`}`,
    shapeText(scale.shape),
  );
}

function repeatedRows(
  { columns, read }: { columns: number; read: Component<Float32Array>["read"] },
  times: number,
  rows: number,
): Omit<Component<Float32Array>, "dtype"> {
  return {
    rows,
    columns,
    read: async (first, end) => {
      const from = Math.floor(first / times);
      const values = await read(from, Math.ceil(end / times));
      const repeated = new Float32Array((end - first) * columns);
      for (let r = first; r < end; r++) {
        const at = (Math.floor(r / times) - from) * columns;
        repeated.set(values.subarray(at, at + columns), (r - first) * columns);
      }
      return repeated;
    },
  };
}
