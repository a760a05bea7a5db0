/** Which mesh axes split an array's dimensions, as data that the rules of partitioning compute with. */
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { Layout } from "../primitives/primitive.ts";
import type { Mesh } from "./mesh.ts";
import { axesOf } from "./named-sharding.ts";
import { P, type PartitionSpec } from "./partition-spec.ts";

export type { Layout } from "../primitives/primitive.ts";

export type AxisSizes = ReadonlyMap<string, number>;

export const replicated = ({ shape }: ShapedArray): Layout => shape.map(() => []);
export const isReplicated = (layout: Layout): boolean => layout.every((axes) => axes.length === 0);

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
