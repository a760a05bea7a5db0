/** How gathers and scatters tie the windows of an operand to the slices that they read or write: one description for both. */
import type { Shape } from "../base/shapes.ts";
import type { OperandDimensions } from "./dimension-numbers.ts";
import type { Dimension, FactorList } from "./factors.ts";

/**
 * What becomes of a window that sticks out of the operand. `FILL_OR_DROP`: a gather fills, a scatter drops it whole. `CLIP`: it is moved inside.
 * `PROMISE_IN_BOUNDS`: as XLA does, a gather moves it, a scatter drops it.
 */
export type GatherScatterMode = "FILL_OR_DROP" | "CLIP" | "PROMISE_IN_BOUNDS";

/** One axis of the operand. */
export interface OperandAxis {
  readonly size: number;
  readonly windowSize: number;
  /** Entry of the index vector that says where the window starts, or −1: at 0. */
  readonly component: number;
  /** The slices' axis that runs along it, or −1: collapsed or batching. */
  readonly slicesAxis: number;
  /** The indices' axis that it is paired with, or −1. */
  readonly indicesAxis: number;
}

/** The slices are a gather's result, or a scatter's updates. */
export interface WindowMap {
  readonly axes: readonly OperandAxis[];
  readonly indices: Shape;
  readonly slices: Shape;
  /** The slices' axes that are no window's, in order: one for each axis of the indices but the last. */
  readonly batchAxes: readonly number[];
}

/** Every window of the axis is the whole axis: it is carried through. */
export const isWhole = (axis: OperandAxis): boolean => axis.slicesAxis >= 0 && axis.windowSize === axis.size;
/** @param slicesAxes the slices' window axes, one for each operand axis that is neither dropped nor batching */
export function windowMap(
  operand: Shape,
  indices: Shape,
  slices: Shape,
  slicesAxes: readonly number[],
  windowSizes: readonly number[],
  { dropped, batching, indicesBatching, startAxes }: OperandDimensions,
): WindowMap {
  let next = 0;
  const axes = operand.map((size, d): OperandAxis => {
    const pair = batching.indexOf(d);
    return {
      size,
      windowSize: windowSizes[d],
      component: startAxes.indexOf(d),
      slicesAxis: pair >= 0 || dropped.includes(d) ? -1 : slicesAxes[next++],
      indicesAxis: pair < 0 ? -1 : indicesBatching[pair],
    };
  });
  const batchAxes = slices.map((_, axis) => axis).filter((axis) => !slicesAxes.includes(axis));
  return { axes, indices, slices, batchAxes };
}

/**
 * Dimensions of the operand, the indices and the slices, for a sharding rule.
 * @param free what an axis of the indices is that pairs with none of the operand's
 * @param placed what an axis of the operand is that smaller windows are placed along
 */
export function windowDimensions(
  map: WindowMap,
  f: FactorList,
  free: (size: number) => Dimension,
  placed: (size: number) => Dimension = f.replicated,
): { readonly operand: Dimension[]; readonly indices: Dimension[]; readonly slices: Dimension[] } {
  const positions = map.batchAxes.map((_, i) => {
    const paired = map.axes.some((axis) => axis.indicesAxis === i);
    return (paired ? f.parallel : free)(map.indices[i]);
  });
  const operand = map.axes.map((axis) => {
    if (axis.indicesAxis >= 0) return positions[axis.indicesAxis];
    return (isWhole(axis) ? f.parallel : placed)(axis.size);
  });
  const slices = map.slices.map((size, slicesAxis): Dimension => {
    const d = map.axes.findIndex((axis) => axis.slicesAxis === slicesAxis);
    if (d < 0) return positions[map.batchAxes.indexOf(slicesAxis)];
    return isWhole(map.axes[d]) ? operand[d] : f.replicated(size);
  });
  return { operand, indices: [...positions, f.replicated(map.indices[map.indices.length - 1])], slices };
}
