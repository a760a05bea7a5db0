/** What each GPU holds of an array that lies on several. */

import { sizeOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor, unpackWords } from "../base/tensor-data.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import { type Layout, layoutOf } from "../partition/layout.ts";
import type { NamedSharding } from "../partition/named-sharding.ts";
import { heldIndices, type Topology } from "../partition/topology.ts";
import { getClient, type Storage } from "../runtime/index.ts";

/** A storage for each GPU of a topology, in its order. */
export interface Parts {
  readonly topology: Topology;
  readonly storages: readonly Storage[];
}

/** Places of GPUs that hold something different: the first of those that hold the same. */
export function distinctPlaces({ shape }: ShapedArray, layout: Layout, topology: Topology): readonly number[] {
  const first = new Map<string, number>();
  topology.gpus.forEach((_, place) => {
    const key = `${heldIndices(shape, layout, topology, place).map(([index]) => index)}`;
    if (!first.has(key)) first.set(key, place);
  });
  return [...first.values()];
}

/** The whole array on the host. @throws DeviceError if the work that fills a part failed */
export async function readParts(
  aval: ShapedArray,
  { spec }: NamedSharding,
  { topology, storages }: Parts,
): Promise<HostTensor> {
  const { shape, dtype } = aval;
  const layout = layoutOf(spec, shape.length);
  const whole = hostTensor(shape, dtype);
  const places = distinctPlaces(aval, layout, topology);
  const parts = await Promise.all(places.map((place) => getClient().read(storages[place])));
  places.forEach((place, i) => {
    const indices = heldIndices(shape, layout, topology, place);
    const values = unpackWords(dtype, parts[i], sizeOf(indices.map(({ length }) => length)));
    let next = 0;
    // Row by row: the indices of a row that is held in one piece follow one another.
    const along = indices.at(-1) ?? [0];
    const isRun = along.length > 0 && (along.at(-1) as number) - along[0] === along.length - 1;
    const copy = (dimension: number, row: number): void => {
      if (dimension < shape.length - 1) {
        for (const index of indices[dimension]) copy(dimension + 1, row * shape[dimension] + index);
        return;
      }
      const start = row * (shape.at(-1) ?? 1);
      if (isRun) whole.values.set(values.subarray(next, (next += along.length)), start + along[0]);
      else for (const index of along) whole.values[start + index] = values[next++];
    };
    copy(0, 0);
  });
  return whole;
}
