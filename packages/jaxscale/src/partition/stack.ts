/**
 * Devices that share a GPU as mapped axes: each dimension of an array becomes `[devices of its axes…, local size]`, which moves
 * nothing, the program of one device is mapped over every mesh axis, and its results are put together. Collectives become
 * ordinary operations.
 */
import { type Shape, sizeOf } from "../base/shapes.ts";
import { type ClosedJaxpr, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { BatchAxis } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { evalJaxpr } from "../transforms/eval-jaxpr.ts";
import { mapOver, ops } from "../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../transforms/place-axis.ts";
import { sinkSums } from "./hoist-sums.ts";
import type { Layout } from "./layout.ts";
import type { Mesh } from "./mesh.ts";
import type { Partitioned } from "./partition.ts";
import { heldShape, isWithinGpu, localLayout } from "./topology.ts";

/** An axis of a mesh that programs of one device are mapped over. */
export interface DeviceAxis extends BatchAxis {
  readonly name: string;
}

/** Those of a mesh, or some of them, in its order. */
export const deviceAxes = (
  mesh: Mesh,
  checksVarying: boolean,
  names: readonly string[] = mesh.axisNames,
): readonly DeviceAxis[] =>
  mesh.axisNames
    .filter((name) => names.includes(name))
    .map((name) => ({ name, size: mesh.shape.get(name) as number, checksVarying, ofDevices: true }));

export interface LocalResults {
  readonly results: readonly Array[];
  readonly layouts: readonly Layout[];
}

/**
 * Runs the program of one device on all, and joins the results.
 * @param refuse called with a result whose layout lacks an axis that it varies over; without it the first device's is taken
 */
export function onAllDevices(
  axes: readonly DeviceAxis[],
  args: readonly Array[],
  layouts: readonly Layout[],
  program: (parts: readonly Array[]) => LocalResults,
  refuse?: (axis: string, result: number) => never,
): LocalResults {
  let outLayouts: readonly Layout[] = [];
  const from = (depth: number, values: readonly Array[]): readonly Array[] => {
    if (depth === axes.length) {
      const local = program(values);
      outLayouts = local.layouts;
      return local.results;
    }
    const axis = axes[depth];
    const mapped = mapOver(
      (elements) => from(depth + 1, elements),
      values,
      layouts.map((layout) => placeOf(layout, depth, axes)),
      axis,
    );
    return mapped.results.map((value, i) => {
      const place = placeOf(outLayouts[i], depth, axes);
      if (place !== null) return placeAxis(value, mapped.dims[i], place, axis);
      if (mapped.varies[i]) refuse?.(axis.name, i);
      return mapped.dims[i] === null ? value : first(placeAxis(value, mapped.dims[i], 0, axis));
    });
  };
  const parts = args.map((x, i) => ops.reshape(x, splitShape(x.shape, layouts[i], axes)) as Array);
  const results = from(0, parts).map(
    (value, i) => ops.reshape(value, joinedShape(value.shape, outLayouts[i])) as Array,
  );
  return { results, layouts: outLayouts };
}

const sizeAlong = (axes: readonly DeviceAxis[], name: string): number =>
  axes.find((a) => a.name === name)?.size as number;

/** What the first device has. */
function first(x: Array): Array {
  const { shape } = x;
  const limits = shape.with(0, 1);
  return ops.squeeze(
    ops.slice(
      x,
      shape.map(() => 0),
      limits,
    ),
    [0],
  ) as Array;
}

/**
 * Where an array that is split, and not yet mapped over the axes from `depth` on, has that one: nothing is moved, an axis lies in
 * front of the dimension that it splits. Null if it splits none.
 */
function placeOf(layout: Layout, depth: number, axes: readonly DeviceAxis[]): number | null {
  const rest = axes.slice(depth).map(({ name }) => name);
  const order = layout.flatMap((names) => [...names.filter((name) => rest.includes(name)), null]);
  const place = order.indexOf(axes[depth].name);
  return place < 0 ? null : place;
}

/** The shape of an array with each dimension as `[devices of its axes…, local size]`. */
const splitShape = (shape: Shape, layout: Layout, axes: readonly DeviceAxis[]): Shape =>
  shape.flatMap((size, dimension) => {
    const sizes = layout[dimension].map((name) => sizeAlong(axes, name));
    return [...sizes, size / sizeOf(sizes)];
  });

/** The reverse of `splitShape`. */
function joinedShape(shape: Shape, layout: Layout): Shape {
  let next = 0;
  return layout.map((names) => {
    const sizes = shape.slice(next, (next += names.length + 1));
    return sizeOf(sizes);
  });
}

/**
 * The program of all devices of one GPU, on what the GPU holds of arrays: all of them, where there is one GPU. Where a mesh axis goes
 * over several, collectives over it are left.
 */
export function stack(types: readonly ShapedArray[], { local, args, layouts, placement }: Partitioned): ClosedJaxpr {
  const { mesh, name, topology } = placement;
  if (topology === undefined) return stackOn(name, deviceAxes(mesh, false), types, args, local, layouts);
  const within = (all: readonly Layout[]): readonly Layout[] => all.map((layout) => localLayout(layout, topology));
  const axes = topology.axes.filter(isWithinGpu).map(
    ({ name: axis, gpus, local }): DeviceAxis => ({
      name: axis,
      size: local,
      gpus: gpus > 1 ? gpus : undefined,
      ofDevices: true,
    }),
  );
  const held = types.map(({ shape, dtype, weakType }, i) =>
    shapedArray(heldShape(shape, args[i], topology), dtype, weakType),
  );
  return stackOn(name, axes, held, within(args), local, within(layouts));
}

function stackOn(
  name: string,
  axes: readonly DeviceAxis[],
  types: readonly ShapedArray[],
  layouts: readonly Layout[],
  local: ClosedJaxpr,
  resultLayouts: readonly Layout[],
): ClosedJaxpr {
  const shared = axes.filter(({ gpus }) => gpus === undefined).map((axis) => axis.name);
  const sunk = sinkSums(local, new Set(shared));
  const program = (parts: readonly Array[]): LocalResults => ({
    results: evalJaxpr(sunk, parts),
    layouts: resultLayouts,
  });
  return traceToJaxpr(name, (...args) => onAllDevices(axes, args, layouts, program).results, types);
}
