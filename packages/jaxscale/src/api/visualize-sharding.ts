/** Drawings of how arrays lie on devices. */
import { ShardingError } from "../base/errors.ts";
import { formatShape, type Shape } from "../base/shapes.ts";
import type { Sharding } from "../partition/named-sharding.ts";
import type { Array } from "../trace/array.ts";
import { optionsOf } from "./arguments.ts";
import { inspectArraySharding } from "./inspect-sharding.ts";

/** Options of `visualizeSharding` and `visualizeArraySharding`. */
export interface VisualizeOptions {
  /** Of a drawing that is about 10 lines high. */
  readonly scale?: number;
  /** Least columns of a part, its borders included. */
  readonly minWidth?: number;
  /** Columns of the drawing; parts are narrower where it would exceed them, but show their devices. */
  readonly maxWidth?: number;
}

/** A character is this many times as high as wide. */
const heightOfCharacter = 2.5;
const linesAtScaleOne = 10;

/**
 * A drawing of an array of that shape: a box for each part, with the devices that have it.
 * @throws ShardingError unless it has one or two dimensions that the sharding divides
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.visualize_sharding.html
 */
export function drawSharding(shape: Shape, sharding: Sharding, options?: VisualizeOptions): string {
  const { scale, minWidth, maxWidth } = optionsOf("visualizeSharding", options, {
    scale: 1,
    minWidth: 9,
    maxWidth: 80,
  });
  if (shape.length < 1 || shape.length > 2)
    throw new ShardingError(
      `visualizeSharding: the array must have one or two dimensions; got shape ${formatShape(shape)}`,
    );
  const [rows, columns] = shape.length === 2 ? shape : [undefined, shape[0]];
  const local = sharding.shardShape(shape);
  const localColumns = local.at(-1) as number;
  const baseHeight = Math.trunc(linesAtScaleOne * scale);
  // A line of numbers is as wide as one column of a matrix, as in JAX.
  const baseWidth = Math.trunc(baseHeight * (rows === undefined ? 1 / columns : columns / rows));
  const height = rows === undefined ? 1 : Math.trunc((local[0] / rows) * baseHeight);
  const width = Math.trunc((localColumns / columns) * baseWidth * heightOfCharacter);

  const grid = labels(shape, sharding);
  const longest = Math.max(...grid.flat().map((label) => label.length));
  const fitting = Math.floor((maxWidth - 1) / grid[0].length) - 1;
  const inner = Math.max(Math.min(Math.max(width, minWidth) - 2, fitting), longest);
  const above = Math.max(Math.floor((height - 2) / 2), 0);
  const below = Math.max(height - 2 - Math.floor((height - 2) / 2), 0);
  const line = (cells: readonly string[], left = "│", between = "│", right = "│"): string =>
    left + cells.join(between) + right;
  const rule = (left: string, between: string, right: string): string =>
    line(
      grid[0].map(() => "─".repeat(inner)),
      left,
      between,
      right,
    );
  const blank = line(grid[0].map(() => " ".repeat(inner)));
  const drawn = grid.map((row) => [
    ...globalThis.Array<string>(above).fill(blank),
    line(row.map((label) => centered(label, inner))),
    ...globalThis.Array<string>(below).fill(blank),
  ]);
  return [
    rule("┌", "┬", "┐"),
    ...drawn.flatMap((lines, i) => (i === 0 ? lines : [rule("├", "┼", "┤"), ...lines])),
    rule("└", "┴", "┘"),
  ].join("\n");
}

/** The devices of each part, row by row. */
function labels(shape: Shape, sharding: Sharding): readonly (readonly string[])[] {
  const devices = new Map<number, Map<number, number[]>>();
  for (const [{ id }, index] of sharding.devicesIndicesMap(shape)) {
    const [row, column] = index.length === 2 ? [index[0][0], index[1][0]] : [0, index[0][0]];
    const inRow = devices.get(row) ?? new Map<number, number[]>();
    devices.set(row, inRow.set(column, [...(inRow.get(column) ?? []), id]));
  }
  const inOrder = <T>(parts: ReadonlyMap<number, T>): T[] =>
    [...parts].sort(([a], [b]) => a - b).map(([, part]) => part);
  return inOrder(devices).map((row) => inOrder(row).map((ids) => `GPU ${ids.sort((a, b) => a - b).join(",")}`));
}

function centered(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return " ".repeat(left) + text.padEnd(width - left);
}

/** Prints a drawing of an array of that shape, a box for each part with the devices that have it. @throws ShardingError as `drawSharding` */
export function visualizeSharding(shape: Shape, sharding: Sharding, options?: VisualizeOptions): void {
  console.log(drawSharding(shape, sharding, options));
}

/**
 * Prints a drawing of how an array lies on devices; within a jitted function when it is compiled.
 * @throws ShardingError unless it has one or two dimensions
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.visualize_array_sharding.html
 */
export function visualizeArraySharding(x: Array, options?: VisualizeOptions): void {
  const { shape } = x;
  inspectArraySharding(x, { callback: (sharding) => visualizeSharding(shape, sharding, options) });
}
