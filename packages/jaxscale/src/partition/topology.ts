/** Which part of a mesh's axes goes over several GPUs, and which lies within one. */
import { ShardingError } from "../base/errors.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import type { Layout } from "./layout.ts";
import type { Mesh } from "./mesh.ts";

/** An axis of a mesh: `gpus` × `local` devices, those of one GPU side by side. */
export interface SplitAxis {
  readonly name: string;
  readonly gpus: number;
  readonly local: number;
}

/** How the devices of a mesh lie on GPUs. */
export interface Topology {
  /** The mesh's axes, in its order. */
  readonly axes: readonly SplitAxis[];
  /** Numbers of the GPUs, row-major in the axes' GPU parts. */
  readonly gpus: readonly number[];
}

/** The axes that go over several GPUs, as programs name them. */
export const gpuAxesOf = ({ axes }: Topology): readonly { readonly name: string; readonly size: number }[] =>
  axes.flatMap(({ name, gpus }) => (gpus > 1 ? [{ name, size: gpus }] : []));

/**
 * @param gpuOf the number of the GPU that a device, by its id, is part of
 * @throws ShardingError if the devices of one GPU are no block of the grid, or if the blocks are not equal
 */
export function topologyOf(mesh: Mesh, gpuOf: (id: number) => number): Topology {
  const { axisNames, axisSizes } = mesh;
  const gpus = mesh.devices.map(({ id }) => gpuOf(id));
  const axes = axisNames.map((name, axis): SplitAxis => {
    const local = blockAlong(gpus, axisSizes, axis);
    return { name, gpus: axisSizes[axis] / local, local };
  });
  const blocks = axes.reduce((product, axis) => product * axis.gpus, 1);
  const distinct = new Set(gpus);
  if (blocks !== distinct.size)
    throw new ShardingError(
      `Mesh: the devices of each GPU must be a block of the grid, all blocks equal; got ${mesh} with devices ${mesh.devices.map(({ id }) => id).join(", ")} on GPUs ${gpus.join(", ")}`,
    );
  return { axes, gpus: [...distinct] };
}

/** The most devices along an axis, from each multiple of that number on, that are always of one GPU. */
function blockAlong(gpus: readonly number[], sizes: Shape, axis: number): number {
  const stride = sizeOf(sizes.slice(axis + 1));
  const size = sizes[axis];
  const isOneGpu = (length: number): boolean =>
    gpus.every((gpu, place) => {
      const at = Math.floor(place / stride) % size;
      return gpu === gpus[place - (at % length) * stride];
    });
  for (let length = size; length > 1; length--) if (size % length === 0 && isOneGpu(length)) return length;
  return 1;
}

/** Shape of what one GPU holds of an array. */
export const heldShape = (shape: Shape, layout: Layout, topology: Topology): Shape =>
  shape.map((size, dimension) => size / sizeOf(layout[dimension].map((name) => axisOf(topology, name).gpus)));

/** Whether an axis goes over devices of one GPU: not if each of its devices is one. */
export const isWithinGpu = ({ gpus, local }: SplitAxis): boolean => local > 1 || gpus === 1;

/** The layout of what one GPU holds, on its own devices. */
export const localLayout = (layout: Layout, topology: Topology): Layout =>
  layout.map((axes) => axes.filter((name) => isWithinGpu(axisOf(topology, name))));

/** Whether all GPUs hold the same of an array. */
export const isEqualOnGpus = (layout: Layout, topology: Topology): boolean =>
  layout.flat().every((name) => axisOf(topology, name).gpus === 1);

/** Along each axis, the place of the GPU at a place of `topology.gpus`. */
export function placesAlong({ axes }: Topology, place: number): ReadonlyMap<string, number> {
  const at = new Map<string, number>();
  let rest = place;
  for (const { name, gpus } of axes.toReversed()) {
    at.set(name, rest % gpus);
    rest = Math.floor(rest / gpus);
  }
  return at;
}

/**
 * What the GPU at a place of `topology.gpus` holds of an array: the indices along each dimension, ascending.
 * A dimension that is split over several axes may be held in pieces.
 */
export function heldIndices(shape: Shape, layout: Layout, topology: Topology, place: number): readonly number[][] {
  const at = placesAlong(topology, place);
  return shape.map((size, dimension) => {
    let indices = [0];
    let step = size;
    for (const name of layout[dimension]) {
      const { gpus, local } = axisOf(topology, name);
      step /= gpus;
      const mine = (at.get(name) as number) * step;
      step /= local;
      const inner = step;
      indices = indices.flatMap((i) => Array.from({ length: local }, (_, l) => i + mine + l * inner));
    }
    return indices.flatMap((i) => Array.from({ length: step }, (_, j) => i + j));
  });
}

const axisOf = ({ axes }: Topology, name: string): SplitAxis => axes.find((axis) => axis.name === name) as SplitAxis;
