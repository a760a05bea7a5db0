/** Kernels of scatters, from either side: what becomes of an element of the result, and where each element of the updates goes. */
import { sizeOf } from "../base/shapes.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import type { LoweringContext, UpdateLowering } from "./primitive.ts";
import { type ScatterParams, scatterMap } from "./scatter-dimensions.ts";
import { isWhole, type OperandAxis, type WindowMap } from "./window-map.ts";
import { readStart } from "./window-start.ts";

/** The new element out of the old one and an update, on the compute type. */
export type Combine = (k: KernelBuilder, old: Value, update: Value) => Value;

const mapOf = ({ inputs: [operand, indices, updates], params }: LoweringContext<ScatterParams>): WindowMap =>
  scatterMap(operand.shape, indices.shape, updates.shape, params);

/** The window covers or skips the axis alike for every index vector: its offsets along it are the operand's coordinates. */
const isFixed = (axis: OperandAxis): boolean => axis.slicesAxis >= 0 && (axis.component < 0 || isWhole(axis));
const isPaired = (axis: OperandAxis): boolean => axis.indicesAxis >= 0;

/** The indices' axes that pair with none of the operand's, as places in `batchAxes`: an element of the result may be hit from all along them. */
const freeAxes = (map: WindowMap): number[] =>
  map.batchAxes.map((_, i) => i).filter((i) => !map.axes.some((axis) => axis.indicesAxis === i));

/** A position in the indices: from a coordinate for each axis of the operand where they pair, else from `free`. */
function positionOf(map: WindowMap, paired: (operandAxis: number) => Value, free: readonly Value[]): Value[] {
  const frees = freeAxes(map);
  return map.batchAxes.map((_, i) => {
    const at = frees.indexOf(i);
    return at >= 0 ? free[at] : paired(map.axes.findIndex((axis) => axis.indicesAxis === i));
  });
}

/** Index of an update from its position in the indices and its offsets within the window, by operand axis. */
function updateIndex(
  k: KernelBuilder,
  map: WindowMap,
  position: readonly Value[],
  offset: (operandAxis: number) => Value,
): Index {
  const coords = map.slices.map((_, slicesAxis) => {
    const batch = map.batchAxes.indexOf(slicesAxis);
    return batch >= 0 ? position[batch] : offset(map.axes.findIndex((axis) => axis.slicesAxis === slicesAxis));
  });
  return Index.fromCoords(k, map.slices, coords);
}

/** @param combine absent: the last update wins */
export const scatterLowering = (combine?: Combine): UpdateLowering<ScatterParams> => ({
  kind: "update",
  element(k, index, read, context) {
    const map = mapOf(context);
    if (sizeOf(map.slices) === 0) return read(0, index);
    const shape = freeAxes(map).map((i) => map.indices[i]);
    const result = k.variable(read(0, index), "scattered");
    k.loop(k.i32(0), k.i32(sizeOf(shape)), k.i32(1), (n) => {
      const position = positionOf(map, (d) => index.coords[d], Index.fromLinear(k, shape, n).coords);
      const { start, fits } = readStart(k, read, map, position);
      let hit = context.params.mode === "CLIP" ? k.bool(true) : fits;
      const offsets = map.axes.map((axis, d) => {
        const coord = index.coords[d];
        if (isPaired(axis) || isWhole(axis)) return coord;
        const offset = k.sub(coord, start[d]);
        hit = k.and(hit, k.and(k.ge(offset, k.i32(0)), k.lt(offset, k.i32(axis.windowSize))));
        return k.assume(offset, { min: 0, max: axis.windowSize - 1 });
      });
      k.if(hit, () => {
        const update = read(
          2,
          updateIndex(k, map, position, (d) => offsets[d]),
        );
        k.set(result, combine ? combine(k, k.get(result), update) : update);
      });
    });
    return k.get(result);
  },
  steps: {
    plan(context) {
      const map = mapOf(context);
      const { items, steps } = split(map);
      const vectors = freeAxes(map).reduce((size, i) => size * map.indices[i], 1);
      return {
        items: items.map((d) => itemSize(map.axes[d])),
        count: sizeOf(steps),
        independent: context.params.uniqueIndices || vectors <= 1,
        run: runOf(map),
      };
    },
    at(k, item, step, read, context) {
      const map = mapOf(context);
      const { items, moving, steps } = split(map);
      const coords = Index.fromLinear(k, steps, step).coords;
      const frees = steps.length - moving.length;
      const position = positionOf(map, (d) => item.coords[items.indexOf(d)], coords.slice(0, frees));
      const { start, fits } = readStart(k, read, map, position);
      const offset = (d: number): Value =>
        items.includes(d) ? item.coords[items.indexOf(d)] : coords[frees + moving.indexOf(d)];
      const target = map.axes.map((axis, d) => {
        if (items.includes(d)) return item.coords[items.indexOf(d)];
        return axis.slicesAxis < 0 ? start[d] : k.add(start[d], offset(d));
      });
      return {
        valid: context.params.mode === "CLIP" ? k.bool(true) : fits,
        index: Index.fromCoords(k, context.inputs[0].shape, target),
        update: () => read(2, updateIndex(k, map, position, offset)),
      };
    },
    combine,
  },
});

const itemSize = (axis: OperandAxis): number => (isPaired(axis) ? axis.size : axis.windowSize);

/** Operand axes that are an item's, those along which windows move, and the shape of the steps: index vectors, then offsets along the moving axes. */
function split(map: WindowMap): { readonly items: number[]; readonly moving: number[]; readonly steps: number[] } {
  const all = map.axes.map((_, d) => d);
  const items = all.filter((d) => isFixed(map.axes[d]) || isPaired(map.axes[d]));
  const moving = all.filter((d) => map.axes[d].slicesAxis >= 0 && !isFixed(map.axes[d]));
  const frees = freeAxes(map).map((i) => map.indices[i]);
  return { items, moving, steps: [...frees, ...moving.map((d) => map.axes[d].windowSize)] };
}

/** Elements of the last axes that every window covers whole. */
function runOf(map: WindowMap): number {
  let run = 1;
  for (const axis of [...map.axes].reverse()) {
    if (!isWhole(axis)) break;
    run *= axis.size;
  }
  return run;
}
