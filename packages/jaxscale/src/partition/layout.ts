/** Which mesh axes split an array's dimensions, as data that the rules of partitioning compute with. */
import type { Shape } from "../base/shapes.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { Layout } from "../primitives/primitive.ts";
import type { Mesh } from "./mesh.ts";
import { axesOf } from "./named-sharding.ts";
import { P, type PartitionSpec } from "./partition-spec.ts";

export type { Layout } from "../primitives/primitive.ts";

export type AxisSizes = ReadonlyMap<string, number>;

/** One for each rank: most layouts are compared with these. */
const whole: Layout[] = [];
export const replicated = ({ shape: { length } }: ShapedArray): Layout =>
  (whole[length] ??= Array.from({ length }, () => []));
export const isReplicated = (layout: Layout): boolean => layout.every((axes) => axes.length === 0);

export const sameLayout = (a: Layout, b: Layout): boolean =>
  a === b ||
  a.every((axes, dimension) => axes.length === b[dimension].length && commonPrefix(axes, b[dimension]) === axes);

/** A layout with the further axes that another one has, where they are free and divide the dimension. */
export function extended(layout: Layout, more: Layout, shape: Shape, sizes: AxisSizes): Layout {
  if (isReplicated(more)) return layout;
  const used = new Set(layout.flat());
  return layout.map((axes, dimension) => {
    const wanted = more[dimension];
    if (wanted.length <= axes.length || commonPrefix(axes, wanted).length < axes.length) return axes;
    const added = wanted.slice(axes.length);
    if (added.some((axis) => used.has(axis)) || shape[dimension] % deviceCount(wanted, sizes) !== 0) return axes;
    for (const axis of added) used.add(axis);
    return wanted;
  });
}

/** As many of a layout's axes as divide the dimensions, the major ones first. */
export const dividing = (layout: Layout, shape: Shape, sizes: AxisSizes): Layout =>
  layout.map((axes, dimension) => {
    const fitting = axes
      .map((_, i) => i + 1)
      .filter((n) => shape[dimension] % deviceCount(axes.slice(0, n), sizes) === 0);
    return axes.slice(0, fitting.at(-1) ?? 0);
  });

export const layoutOf = (spec: PartitionSpec, rank: number): Layout =>
  Array.from({ length: rank }, (_, dimension) => axesOf(spec.entries[dimension]));

/** The spec of a layout, without trailing nulls. */
export function specOf(layout: Layout): PartitionSpec {
  const last = layout.findLastIndex((axes) => axes.length > 0);
  return P(...layout.slice(0, last + 1));
}

/** Devices along several axes. */
export const deviceCount = (axes: readonly string[], sizes: AxisSizes): number =>
  axes.reduce((product, name) => product * (sizes.get(name) as number), 1);

/** Axes of a mesh that a layout names, in the mesh's order. */
export const namedAxes = (layout: Layout, mesh: Pick<Mesh, "axisNames">): readonly string[] =>
  mesh.axisNames.filter((name) => layout.some((axes) => axes.includes(name)));

/** The axes that two lists begin with. */
export function commonPrefix(a: readonly string[], b: readonly string[]): readonly string[] {
  const differs = a.findIndex((name, i) => name !== b[i]);
  return differs < 0 ? a : a.slice(0, differs);
}
