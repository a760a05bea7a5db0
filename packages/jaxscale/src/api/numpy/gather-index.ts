/** An index as the start vectors and window of a gather, or of the scatter that is its reverse. */
import { kindOf } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { broadcastShapes, formatShape, type Shape } from "../../base/shapes.ts";
import { add, mul } from "../../primitives/arithmetic.ts";
import type { Array } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1, getBackend } from "../../trace/trace.ts";
import { binary, convert, counting, insertAxes, joined, range, reversed, spread, wrapNegative } from "./equations.ts";
import { lengthOf, type ParsedEntry, type ParsedIndex } from "./index-spec.ts";

export interface GatherIndex {
  /** Start vectors, `[…, entries]`. */
  readonly indices: Array;
  readonly offsetDims: readonly number[];
  readonly collapsedSliceDims: readonly number[];
  readonly startIndexMap: readonly number[];
  readonly sliceSizes: readonly number[];
  /** Shape of the indexed part as the user sees it. */
  readonly shape: Shape;
  /** Axes of it that are new. */
  readonly newAxes: readonly number[];
  /** Axes, before new ones are put in, that run backwards. */
  readonly reversedAxes: readonly number[];
  /** Made of numbers and slices only: each place is hit once, in order. */
  readonly distinct: boolean;
}

/** One entry of the start vectors: an array, and where its axes lie among those of all of them. */
interface Part {
  readonly array: Array;
  readonly axis: number;
}

type Advanced = Extract<ParsedEntry, { kind: "integer" | "array" }>;

function indexArray(op: string, entry: Advanced, size: number, wrap: boolean): Array {
  if (entry.kind === "integer") return asArray(op, wrap && entry.index < 0 ? entry.index + size : entry.index);
  return wrap && kindOf(entry.index.dtype) === "signed" ? wrapNegative(entry.index, size) : entry.index;
}

/**
 * @param wrap whether indices below 0 count from the end
 * @throws ShapeError if index arrays do not broadcast, or a number indexes an empty axis
 */
export function gatherIndex(
  op: string,
  { entries, contiguous }: ParsedIndex,
  shape: Shape,
  wrap: boolean,
): GatherIndex {
  // A number is an array like any other once there is one with axes; alone it is a plain start.
  const anyArray = entries.some((entry) => entry.kind === "array" && entry.index.ndim > 0);
  const isAdvanced = (entry: ParsedEntry): entry is Advanced => entry.kind === "integer" || entry.kind === "array";
  // All are wrapped before any is used, in the order written.
  const wrapped = new Map(
    entries.filter(isAdvanced).map((entry) => [entry, indexArray(op, entry, shape[entry.axis], wrap)]),
  );
  const arrays = [...wrapped.values()];
  const arrayShape = anyArray ? broadcastShapes(op, ...arrays.map((x) => x.shape)) : [];
  const first = contiguous ? entries.findIndex(isAdvanced) : 0;

  const parts: Part[] = [];
  const partsShape: number[] = [];
  const collapsed: number[] = [];
  const startIndexMap: number[] = [];
  const sliceSizes: number[] = [];
  const offsetDims: number[] = [];
  const resultShape: number[] = [];
  const newAxes: number[] = [];
  const reversedAxes: number[] = [];
  let axesWithoutNew = 0;

  const placeArrays = (): void => {
    const start = partsShape.length;
    const spreadArrays = arrays.map((x) =>
      x.ndim === arrayShape.length && x.shape.every((n, i) => n === arrayShape[i])
        ? x
        : spread(x, arrayShape, range(x.ndim, arrayShape.length - x.ndim)),
    );
    for (const x of spreadArrays) parts.push({ array: convert(x, "int32"), axis: start });
    partsShape.push(...arrayShape);
    for (const { axis } of wrapped.keys()) {
      startIndexMap.push(axis);
      collapsed.push(axis);
    }
    resultShape.push(...arrayShape);
    axesWithoutNew += arrayShape.length;
  };
  const placeStart = (array: Array, axis: number): void => {
    parts.push({ array: convert(array, "int32"), axis: partsShape.length });
    startIndexMap.push(axis);
  };
  const placeSlice = ({ axis, start, stop, step }: Extract<ParsedEntry, { kind: "slice" }>): void => {
    const length = lengthOf({ start, stop, step });
    resultShape.push(length);
    if (step === 1) {
      if (length !== shape[axis]) placeStart(scalarOf(start, "int32"), axis);
      sliceSizes.push(length);
      offsetDims.push(axesWithoutNew);
    } else {
      const steps = binary(add, start, bind1(mul, [scalarOf(step, "int32"), counting([length], 0)], {}));
      if (step < 0) reversedAxes.push(axesWithoutNew);
      placeStart(step < 0 ? reversed(steps, [0]) : steps, axis);
      partsShape.push(length);
      collapsed.push(axis);
      sliceSizes.push(1);
    }
    axesWithoutNew++;
  };

  entries.forEach((entry, i) => {
    if (anyArray && i === first) placeArrays();
    if (entry.kind === "newaxis") {
      newAxes.push(resultShape.length);
      resultShape.push(1);
    } else if (entry.kind === "slice") placeSlice(entry);
    else {
      sliceSizes.push(1);
      if (anyArray) return;
      if (shape[entry.axis] === 0)
        throw new ShapeError(
          `${op}: an empty axis has no element to index; got axis ${entry.axis} of ${formatShape(shape)}`,
        );
      placeStart(wrapped.get(entry) as Array, entry.axis);
      collapsed.push(entry.axis);
    }
  });
  return {
    indices: startVectors(parts, partsShape),
    offsetDims,
    collapsedSliceDims: collapsed.sort((a, b) => a - b),
    startIndexMap,
    sliceSizes,
    shape: resultShape,
    newAxes,
    reversedAxes,
    distinct: !anyArray,
  };
}

function startVectors(parts: readonly Part[], shape: readonly number[]): Array {
  if (parts.length === 0)
    return getBackend().fromHost({ shape: [0], dtype: "int32", values: new Int32Array(0) }, false);
  if (parts.length === 1) return insertAxes("index", parts[0].array, [parts[0].array.ndim]);
  const entry = [...shape, 1];
  return joined(
    parts.map(({ array, axis }) => spread(array, entry, range(array.ndim, axis))),
    shape.length,
  );
}
