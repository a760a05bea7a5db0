/**
 * Devices that share a GPU as mapped axes: an array is cut into `[devices of its layout's axes…, …local shape]`, the program
 * of one device is mapped over every mesh axis, and its results are put together. Collectives become ordinary operations.
 */
import { sizeOf } from "../base/shapes.ts";
import type { ClosedJaxpr, ShapedArray } from "../jaxpr/ir.ts";
import type { BatchAxis } from "../primitives/primitive.ts";
import type { Array } from "../trace/array.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { evalJaxpr } from "../transforms/eval-jaxpr.ts";
import { mapOver, ops } from "../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../transforms/place-axis.ts";
import { type Layout, namedAxes } from "./layout.ts";
import type { Mesh } from "./mesh.ts";
import type { Partitioned } from "./partition.ts";

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
    .map((name) => ({ name, size: mesh.shape.get(name) as number, checksVarying }));

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
    const dims = layouts.map((layout) => (names(layout, axis) ? 0 : null));
    const mapped = mapOver((elements) => from(depth + 1, elements), values, dims, axis);
    return mapped.results.map((value, i) => {
      if (names(outLayouts[i], axis)) return placeAxis(value, mapped.dims[i], 0, axis);
      if (mapped.varies[i]) refuse?.(axis.name, i);
      return mapped.dims[i] === null ? value : first(placeAxis(value, mapped.dims[i], 0, axis));
    });
  };
  const parts = args.map((x, i) => split(x, layouts[i], axes));
  const results = from(0, parts).map((value, i) => join(value, outLayouts[i], axes));
  return { results, layouts: outLayouts };
}

const names = (layout: Layout, { name }: DeviceAxis): boolean => layout.some((axes) => axes.includes(name));
const namesIn = (layout: Layout, axes: readonly DeviceAxis[]): readonly string[] =>
  namedAxes(layout, { axisNames: axes.map(({ name }) => name) });
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

/** `[devices of the layout's axes, in the mesh's order…, …local shape]`: the parts of an array. */
function split(x: Array, layout: Layout, axes: readonly DeviceAxis[]): Array {
  const placeOf = new Map<string, number>();
  const local: number[] = [];
  const shape = x.shape.flatMap((size, dimension) => {
    const sizes = layout[dimension].map((name) => sizeAlong(axes, name));
    const before = placeOf.size + local.length;
    for (const [i, name] of layout[dimension].entries()) placeOf.set(name, before + i);
    local.push(before + sizes.length);
    return [...sizes, size / sizeOf(sizes)];
  });
  const devices = namesIn(layout, axes).map((name) => placeOf.get(name) as number);
  return ops.transpose(ops.reshape(x, shape), [...devices, ...local]) as Array;
}

/** The reverse of `split`. */
function join(parts: Array, layout: Layout, axes: readonly DeviceAxis[]): Array {
  const devices = namesIn(layout, axes);
  const local = parts.shape.slice(devices.length);
  const order = local.flatMap((_, dimension) => [
    ...layout[dimension].map((name) => devices.indexOf(name)),
    devices.length + dimension,
  ]);
  const whole = local.map((size, dimension) =>
    layout[dimension].reduce((product, name) => product * sizeAlong(axes, name), size),
  );
  return ops.reshape(ops.transpose(parts, order), whole) as Array;
}

/** The program of all devices of one GPU, on whole arrays. */
export function stack(types: readonly ShapedArray[], { local, layouts, placement }: Partitioned): ClosedJaxpr {
  const axes = deviceAxes(placement.mesh, false);
  const program = (parts: readonly Array[]): LocalResults => ({ results: evalJaxpr(local, parts), layouts });
  return traceToJaxpr(placement.name, (...args) => onAllDevices(axes, args, placement.layouts, program).results, types);
}
