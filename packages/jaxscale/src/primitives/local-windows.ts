/** Gathers and scatters along dimensions that devices split: windows as places that each lie on one device, counted from its own first. */
import { deviceCount, deviceOffset } from "./along-devices.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { Layout, PartitionContext } from "./primitive.ts";
import { isWhole, type OperandAxis, type WindowMap } from "./window-map.ts";

/** Operand axes that are split, and that windows of less than their size are placed along. */
export const splitPlaces = (map: WindowMap, layout: Layout): readonly number[] =>
  map.axes.flatMap((axis, d) => (layout[d].length > 0 && axis.indicesAxis < 0 && !isWhole(axis) ? [d] : []));

/** What the dimension numbers of gathers and of scatters have in common. */
export interface WindowNumbers {
  /** Axes of the slices that run within a window. */
  readonly windowDims: readonly number[];
  /** Axes of the operand, of window size 1, that the slices lack. */
  readonly droppedDims: readonly number[];
  /** Axis of the operand for each entry of an index vector. */
  readonly startAxes: readonly number[];
  readonly indicesBatchingDims: readonly number[];
}

/** Windows cut into elements along some axes of the operand; the slices stay as they are. */
export interface CutWindows {
  readonly numbers: WindowNumbers;
  /** Axes of the operand that they are cut along. */
  readonly axes: readonly number[];
  /** Shape of the index vectors' places. */
  readonly places: readonly number[];
  /** The indices' own axes among those of `places`. */
  readonly kept: readonly number[];
  /** The axis of `places` that runs along a window, by axis of the operand. */
  readonly within: ReadonlyMap<number, number>;
}

/** A window's axis of the slices becomes one of the indices. @param batch the indices' axes but the last */
export function cutWindows(
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
    axes: cut,
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
 * Index vectors into a device's own part of the operand: what lies on another device is out of bounds, and so is what fits nowhere.
 * @param indices the device's part @param clips whether windows that do not fit are moved inside @param layout of the operand
 * @returns int32
 */
export function localVectors(
  ops: OpBuilder,
  map: WindowMap,
  cut: CutWindows,
  indices: Operand,
  clips: boolean,
  layout: Layout,
  sizes: PartitionContext["sizes"],
): Operand {
  const batch = indices.aval.shape.slice(0, -1);
  const columns = cut.numbers.startAxes.map((d, component) => {
    const axis = map.axes[d];
    const start = axis.component < 0 ? ops.full(batch, 0, "int32") : entriesOf(ops, indices, component);
    const inside = clips ? ops.max(ops.min(start, lastStart(axis)), 0) : start;
    const place = ops.broadcastInDim(cut.axes.includes(d) ? own(inside, d) : inside, cut.places, cut.kept);
    const within = cut.within.get(d);
    const whole = within === undefined ? place : ops.add(place, ops.iota("int32", cut.places, within));
    return ops.expandDims(whole, [cut.places.length]);
  });
  return ops.concatenate(columns, cut.places.length);

  function own(start: Operand, d: number): Operand {
    const { size, windowSize } = map.axes[d];
    // A window that fits nowhere is on no device with any of its elements.
    const known = clips
      ? start
      : ops.select(fitsAlong(ops, start, map.axes[d]), start, ops.fullLike(start, -windowSize));
    return ops.sub(known, deviceOffset(ops, layout[d], sizes, size / deviceCount(layout[d], sizes)));
  }
}

/** Which windows lie within the whole operand: a bool for each index vector. */
export const windowsFit = (ops: OpBuilder, map: WindowMap, indices: Operand): Operand =>
  map.axes
    .filter(({ component }) => component >= 0)
    .map((axis) => fitsAlong(ops, entriesOf(ops, indices, axis.component), axis))
    .reduce(ops.and);

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
