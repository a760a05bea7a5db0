/** Meshes of the devices that there are, and arrays on them. */
import { describe } from "../base/describe.ts";
import { ShardingError } from "../base/errors.ts";
import { unflatten } from "../base/pytree.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { layoutOf } from "../partition/layout.ts";
import { AxisType, deviceGrid, Mesh, type MeshDevice } from "../partition/mesh.ts";
import { type IndexRange, type NamedSharding, SingleDeviceSharding } from "../partition/named-sharding.ts";
import { heldIndices } from "../partition/topology.ts";
import { getClient } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { listOf } from "./arguments.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { laidOut } from "./device-put.ts";
import { flattenArrays } from "./flat-function.ts";
import { gpuOf, logicalDevices } from "./gpus.ts";
import { slice } from "./lax/shape.ts";
import { checkRank, type ShardingTree, shardingsOf } from "./placement.ts";

/** Options of `makeMesh`. */
export interface MakeMeshOptions<D extends MeshDevice> {
  /** Devices in the order in which they fill the mesh, the last axis fastest; all by default. */
  readonly devices?: readonly D[];
  /** One an axis; Auto by default. Explicit axes are refused. */
  readonly axisTypes?: readonly AxisType[];
}

/**
 * A mesh of devices, `makeMesh([2, 4], ["data", "tensor"])`. Its axes are `Auto`: the compiler decides what an annotation leaves open.
 * @throws ShardingError if there are fewer devices than places, or names and sizes differ in number
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.make_mesh.html
 */
export function makeMesh(
  axisSizes: Shape,
  axisNames: readonly string[],
  options: MakeMeshOptions<MeshDevice> = {},
): Mesh {
  listOf("makeMesh", "the axis sizes", axisSizes);
  listOf("makeMesh", "the axis names", axisNames);
  const sizes = axisNames.map((name, i) => `${name}=${axisSizes[i]}`).join(", ");
  if (axisSizes.length !== axisNames.length)
    throw new ShardingError(
      `makeMesh: there must be a name for each axis size; got ${axisSizes.length} sizes and ${axisNames.length} names`,
    );
  const bad = axisSizes.find((size) => !Number.isInteger(size) || size < 1);
  if (bad !== undefined) throw new ShardingError(`makeMesh: axis sizes must be whole numbers, 1 or more; got ${bad}`);
  const explicit = options.axisTypes?.indexOf(AxisType.Explicit) ?? -1;
  if (explicit >= 0)
    throw new ShardingError(
      `makeMesh: axes must be Auto or Manual: types do not carry shardings here; got Explicit for ${axisNames[explicit]}`,
    );
  const devices = options.devices ?? logicalDevices();
  const ids = devices.map((device) => device?.id);
  const wrong = ids.findIndex((id, i) => !Number.isInteger(id) || ids.indexOf(id) < i);
  if (wrong >= 0)
    throw new ShardingError(
      `makeMesh: devices must be distinct ones of await devices(); got ${describe(devices[wrong])} at place ${wrong}`,
    );
  const needed = sizeOf(axisSizes);
  if (devices.length < needed)
    throw new ShardingError(
      `Need ${needed} (${sizes}), ${devices.length} available; JAXSCALE_DEVICES=${needed} makes logical ones`,
    );
  return new Mesh(deviceGrid(devices, axisSizes), axisNames, { axisTypes: options.axisTypes });
}

/**
 * Asks that an array lie as a sharding says, within a jitted function; outside it, moves it.
 * Within a jitted function, mesh axes that do not divide a dimension leave it whole.
 * @throws ShardingError if the spec is longer than the rank, or, outside, does not divide the array
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.with_sharding_constraint.html
 */
export function withShardingConstraint<T>(tree: T, shardings: ShardingTree): T {
  const { leaves, treedef } = flattenArrays("withShardingConstraint", tree);
  const types = leaves.map((x) => x.aval);
  const flat = shardingsOf(shardings, treedef, types, "withShardingConstraint", checkRank);
  return unflatten(
    treedef,
    leaves.map((x, i) => {
      const sharding = flat[i];
      return sharding === null ? x : laidOut("withShardingConstraint", x, sharding);
    }),
  );
}

/** A device's part of an array. */
export interface Shard {
  readonly device: MeshDevice;
  readonly index: readonly IndexRange[];
  /** Which of the devices with this part it is. */
  readonly replicaId: number;
  readonly data: Array;
}

/** The parts of an array, one for each device that it lies on, in the mesh's order. @see https://docs.jax.dev/en/latest/_autosummary/jax.Array.addressable_shards.html */
export function addressableShards(x: Array): readonly Shard[] {
  const array = concrete("addressableShards", x);
  const { sharding } = array;
  const seen = new Map<string, number>();
  return [...sharding.devicesIndicesMap(x.shape)].map(([device, index]) => {
    const key = JSON.stringify(index);
    const replicaId = seen.get(key) ?? 0;
    seen.set(key, replicaId + 1);
    const held = heldBy(array, device);
    // Of a dimension without elements every part begins at 0.
    const along = (i: number, at: number): number => (held.indices && Math.max(0, held.indices[i].indexOf(at))) ?? at;
    const startIndices = index.map(([start], i) => along(i, start));
    const limitIndices = index.map(([start, stop], i) => along(i, start) + stop - start);
    return { device, index, replicaId, data: slice(held.data, { startIndices, limitIndices }) };
  });
}

/** What the GPU of a device holds of an array, and the indices along each dimension where that is not all. */
function heldBy(
  x: DeviceArray,
  device: MeshDevice,
): { readonly data: DeviceArray; readonly indices?: readonly (readonly number[])[] } {
  const parts = x.partsFor("addressableShards");
  const here = new SingleDeviceSharding(device);
  if (!parts) return { data: x.alias().placedBy(here) };
  const { topology, storages } = parts;
  const place = topology.gpus.indexOf(gpuOf(device.id));
  const { spec } = x.sharding as NamedSharding;
  const indices = heldIndices(x.shape, layoutOf(spec, x.ndim), topology, place);
  const aval = { ...x.aval, shape: indices.map(({ length }) => length) };
  const data = new DeviceArray(aval, getClient().share(storages[place])).placedBy(here);
  return { data, indices };
}
