/** How columns share scales: checks of scales and of group indices against the config. */
import { refused, shapeText } from "../../checkpoint-error.ts";
import type { Located } from "../weights.ts";
import type { Quantization } from "./config.ts";
import type { Component, QuantizedMatrix, WantedMatrix } from "./matrix.ts";
import { rowBytes } from "./rows.ts";

/** Groups of a row: how many, and the columns of each. */
export interface Groups {
  readonly count: number;
  readonly size: number;
}

/** The groups of a matrix whose scales have so many a row. @throws CheckpointError if the config has no such groups */
export function groupsOf(tensor: Located, count: number, columns: number, { groupSizes }: Quantization): Groups {
  const sizes = groupSizes.length > 0 ? groupSizes : [columns % count === 0 ? columns / count : 0];
  // A group size of 0 is a whole row.
  for (const size of sizes.map((size) => size || columns))
    if (Math.ceil(columns / size) === count) return { count, size };
  throw refused(
    { file: tensor.file.name, key: tensor.key },
    `must have ${[...new Set(sizes.map((size) => Math.ceil(columns / (size || columns))))].join(" or ")} groups, for ${columns} columns and a group_size of ${sizes.map((size) => size || columns).join(" or ")}`,
    `${count}`,
  );
}

/** The groups of scales `[rows, groups]`. @throws CheckpointError if the scales do not fit the matrix or the config */
export function requireGroups(scale: Located, { rows, columns }: WantedMatrix, quantization: Quantization): Groups {
  const [first, count = 1] = scale.shape;
  if (first !== rows || scale.shape.length > 2 || count < 1)
    throw refused(
      { file: scale.file.name, key: scale.key },
      `must have shape [${rows},groups]`,
      shapeText(scale.shape),
    );
  return groupsOf(scale, count, columns, quantization);
}

/** The group of each column. Indices are checked when they are read. @throws CheckpointError for a tensor of another shape */
export function readGroupIndex(
  index: Located,
  columns: number,
  { count, size }: Groups,
): Pick<QuantizedMatrix, "groupIndex"> {
  if (index.dtype !== "I32" || index.shape.length !== 1 || index.shape[0] !== columns)
    throw refused(
      { file: index.file.name, key: index.key },
      `must be I32 [${columns}]`,
      `${index.dtype} ${shapeText(index.shape)}`,
    );
  const read = async (): Promise<Int32Array> => {
    const values = new Int32Array((await rowBytes({ ...index, shape: [1, columns] }, 0, 1)).buffer);
    // As in compressed-tensors: -1 anywhere says that there are no indices.
    if (values.includes(-1)) return values.map((_, c) => Math.floor(c / size));
    const wrong = values.find((group) => group < 0 || group >= count);
    if (wrong !== undefined)
      throw refused({ file: index.file.name, key: index.key }, `must hold groups from 0 to ${count - 1}`, `${wrong}`);
    return values;
  };
  const groupIndex: Component<Int32Array> = { rows: 1, columns, dtype: "int32", read };
  return { groupIndex };
}

/** The error for a module without a tensor that its other tensors need. */
export const missing = (beside: Located, key: string): Error =>
  refused({ file: beside.file.name, key }, `must be there, beside ${beside.key}`, "no such tensor");
