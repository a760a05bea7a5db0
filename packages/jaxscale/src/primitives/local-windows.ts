/** Gathers and scatters along dimensions that devices split: windows as places that each lie on one device, counted from its own first. */
import { deviceCount, deviceOffset, fromOwner } from "./along-devices.ts";
import type { GatherParams } from "./gather.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { Layout, PartitionContext } from "./primitive.ts";
import type { ScatterParams } from "./scatter-dimensions.ts";
import { isWhole, type OperandAxis, type WindowMap } from "./window-map.ts";

/** Operand axes that are split, and that windows of less than their size are placed along. */
export const splitPlaces = (map: WindowMap, layout: Layout): readonly number[] =>
  map.axes.flatMap((axis, d) => (layout[d].length > 0 && axis.indicesAxis < 0 && !isWhole(axis) ? [d] : []));

/** The parts that a gather or scatter has on one device, and how its operand is split. */
export interface LocalParts {
  readonly x: Operand;
  readonly indices: Operand;
  readonly layout: Layout;
  readonly sizes: PartitionContext["sizes"];
}

/**
 * A gather along split dimensions: each device reads what is its own, zeros for the rest and for what fits nowhere. One device has
 * each element, so the sum over devices is exact, and it moves the result, not the operand.
 */
export function gatherFromOwners(
  ops: OpBuilder,
  map: WindowMap,
  { dimensionNumbers: numbers, sliceSizes, mode, uniqueIndices }: GatherParams,
  parts: LocalParts,
): Operand {
  const { x, layout } = parts;
  const split = splitPlaces(map, layout);
  const windows: WindowNumbers = {
    windowDims: numbers.offsetDims,
    droppedDims: numbers.collapsedSliceDims,
    startAxes: numbers.startIndexMap,
    indicesBatchingDims: numbers.startIndicesBatchingDims,
  };
  const local = localWindows(ops, map, windows, mode !== "FILL_OR_DROP", parts);
  const own = ops.bind1("gather", [x, local.vectors], {
    dimensionNumbers: {
      offsetDims: local.numbers.windowDims,
      collapsedSliceDims: local.numbers.droppedDims,
      startIndexMap: local.numbers.startAxes,
      operandBatchingDims: numbers.operandBatchingDims,
      startIndicesBatchingDims: local.numbers.indicesBatchingDims,
    },
    sliceSizes: sliceSizes.map((size, d) => {
      if (split.includes(d)) return 1;
      return size === map.axes[d].size ? x.aval.shape[d] : size;
    }),
    mode: "FILL_OR_DROP",
    fillValue: 0,
    indicesAreSorted: false,
    uniqueIndices,
  });
  return fromOwner(
    ops,
    own,
    split.flatMap((d) => layout[d]),
  );
}

/** A scatter along split dimensions: each device writes what falls into its own part. The updates are whole along them. @param name of the op */
export function scatterToOwners(
  ops: OpBuilder,
  name: string,
  map: WindowMap,
  { dimensionNumbers: numbers, mode, uniqueIndices }: ScatterParams,
  updates: Operand,
  parts: LocalParts,
): Operand {
  const windows: WindowNumbers = {
    windowDims: numbers.updateWindowDims,
    droppedDims: numbers.insertedWindowDims,
    startAxes: numbers.scatterDimsToOperandDims,
    indicesBatchingDims: numbers.scatterIndicesBatchingDims,
  };
  const local = localWindows(ops, map, windows, mode === "CLIP", parts);
  return ops.bind1(name, [parts.x, local.vectors, updates], {
    dimensionNumbers: {
      updateWindowDims: local.numbers.windowDims,
      insertedWindowDims: local.numbers.droppedDims,
      scatterDimsToOperandDims: local.numbers.startAxes,
      operandBatchingDims: numbers.operandBatchingDims,
      scatterIndicesBatchingDims: local.numbers.indicesBatchingDims,
    },
    mode: "FILL_OR_DROP",
    indicesAreSorted: false,
    uniqueIndices,
  });
}

/** Which windows lie within the whole operand: a bool for each index vector. */
export const windowsFit = (ops: OpBuilder, map: WindowMap, indices: Operand): Operand =>
  map.axes
    .filter(({ component }) => component >= 0)
    .map((axis) => fitsAlong(ops, entriesOf(ops, indices, axis.component), axis))
    .reduce(ops.and);

/** What the dimension numbers of gathers and of scatters have in common. */
interface WindowNumbers {
  /** Axes of the slices that run within a window. */
  readonly windowDims: readonly number[];
  /** Axes of the operand, of window size 1, that the slices lack. */
  readonly droppedDims: readonly number[];
  /** Axis of the operand for each entry of an index vector. */
  readonly startAxes: readonly number[];
  readonly indicesBatchingDims: readonly number[];
}

/** Windows cut into elements along some axes of the operand; the slices stay as they are. */
interface CutWindows {
  readonly numbers: WindowNumbers;
  /** Shape of the index vectors' places. */
  readonly places: readonly number[];
  /** The indices' own axes among those of `places`. */
  readonly kept: readonly number[];
  /** The axis of `places` that runs along a window, by axis of the operand. */
  readonly within: ReadonlyMap<number, number>;
}

/** A window's axis of the slices becomes one of the indices. @param batch the indices' axes but the last */
function cutWindows(
  map: WindowMap,
  numbers: WindowNumbers,
  cut: readonly number[],
  batch: readonly number[],
): CutWindows {
  const axes = cut.filter((d) => map.axes[d].slicesAxis >= 0);
  const windows = axes.map((d) => map.axes[d].slicesAxis);
  const batchAxes = [...map.batchAxes, ...windows].sort((a, b) => a - b);
  const kept = map.batchAxes.map((axis) => batchAxes.indexOf(axis));
  const within = new Map(axes.map((d) => [d, batchAxes.indexOf(map.axes[d].slicesAxis)]));
  const places = batchAxes.map((axis) => {
    const own = map.batchAxes.indexOf(axis);
    return own < 0 ? map.slices[axis] : batch[own];
  });
  return {
    numbers: {
      windowDims: numbers.windowDims.filter((axis) => !windows.includes(axis)),
      droppedDims: [...numbers.droppedDims, ...axes].sort((a, b) => a - b),
      startAxes: [...numbers.startAxes, ...cut.filter((d) => !numbers.startAxes.includes(d))],
      indicesBatchingDims: numbers.indicesBatchingDims.map((axis) => kept[axis]),
    },
    places,
    kept,
    within,
  };
}

/**
 * Index vectors into a device's own part of the operand, int32: what lies on another device is out of bounds, and so is what fits
 * nowhere. @param clips whether windows that do not fit are moved inside
 */
function localWindows(
  ops: OpBuilder,
  map: WindowMap,
  given: WindowNumbers,
  clips: boolean,
  { indices, layout, sizes }: LocalParts,
): { readonly numbers: WindowNumbers; readonly vectors: Operand } {
  const batch = indices.aval.shape.slice(0, -1);
  const split = splitPlaces(map, layout);
  const { numbers, places, kept, within } = cutWindows(map, given, split, batch);
  const placeAlong = (d: number): Operand => {
    const axis = map.axes[d];
    const start = axis.component < 0 ? ops.full(batch, 0, "int32") : entriesOf(ops, indices, axis.component);
    const placed = clips ? ops.max(ops.min(start, lastStart(axis)), 0) : start;
    if (!split.includes(d)) return placed;
    // A window that fits nowhere is on no device with any of its elements.
    const nowhere = ops.fullLike(start, -axis.windowSize);
    const known = clips ? placed : ops.select(fitsAlong(ops, start, axis), start, nowhere);
    return ops.sub(known, deviceOffset(ops, layout[d], sizes, axis.size / deviceCount(layout[d], sizes)));
  };
  const columns = numbers.startAxes.map((d) => {
    const first = ops.broadcastInDim(placeAlong(d), places, kept);
    const along = map.axes[d].windowSize > 1 ? within.get(d) : undefined;
    const each = along === undefined ? first : ops.add(first, ops.iota("int32", places, along));
    return ops.expandDims(each, [places.length]);
  });
  return { numbers, vectors: ops.concatenate(columns, places.length) };
}

const lastStart = ({ size, windowSize }: OperandAxis): number => size - windowSize;
const fitsAlong = (ops: OpBuilder, start: Operand, axis: OperandAxis): Operand =>
  ops.and(ops.ge(start, 0), ops.le(start, lastStart(axis)));

/** One entry of all index vectors, as an int32; unsigned ones above 2^31 − 1 stay large. */
function entriesOf(ops: OpBuilder, indices: Operand, component: number): Operand {
  const { shape, dtype } = indices.aval;
  const last = shape.length - 1;
  const starts = shape.map((_, axis) => (axis === last ? component : 0));
  const one = shape[last] === 1 ? indices : ops.slice(indices, starts, shape.with(last, component + 1));
  const entries = ops.squeeze(one, [last]);
  return ops.convert(dtype === "uint32" ? ops.min(entries, 2 ** 31 - 1) : entries, "int32");
}
