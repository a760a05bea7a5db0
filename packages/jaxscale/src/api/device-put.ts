/** Arrays onto devices: over a mesh, or whole onto one. */
import { calledAt } from "../base/call-site.ts";
import { describe } from "../base/describe.ts";
import { ShardingError } from "../base/errors.ts";
import { broadcastPrefix, unflatten } from "../base/pytree.ts";
import { formatAval, newVar } from "../jaxpr/ir.ts";
import { layoutOf } from "../partition/layout.ts";
import type { MeshDevice } from "../partition/mesh.ts";
import { axesOf, NamedSharding, type Sharding, SingleDeviceSharding } from "../partition/named-sharding.ts";
import { P } from "../partition/partition-spec.ts";
import { getClient } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { mappedByShardMap } from "../trace/axis-names.ts";
import { isEvaluating } from "../trace/trace.ts";
import { cutForGpus } from "./cut-for-gpus.ts";
import { onDevice } from "./device.ts";
import { concrete, DeviceArray } from "./device-array.ts";
import { launch, makeRunnable } from "./evaluate.ts";
import { flattenArrays } from "./flat-function.ts";
import { gpuOf, logicalDevices, topologyFor } from "./gpus.ts";
import type { Parts } from "./parts.ts";
import { checkFits, checkRank, constrained, placementOf } from "./placement.ts";

/** Where arrays of a tree are put: one place for all, or a tree that is a prefix of theirs; null leaves an array where it is. */
export type DevicePutTree =
  | Sharding
  | MeshDevice
  | null
  | readonly DevicePutTree[]
  | { readonly [key: string]: DevicePutTree };

const isDevice = (x: unknown): x is MeshDevice =>
  typeof x === "object" && x !== null && typeof (x as Partial<MeshDevice>).id === "number";
const isPlace = (x: unknown): boolean =>
  x === null || x instanceof NamedSharding || x instanceof SingleDeviceSharding || isDevice(x);

/**
 * A tree of numbers, typed arrays or arrays as arrays on the device, lying as shardings say, or each whole on a device of `await devices()`;
 * an array that is there already shares its memory with the result. Within a jitted function, which runs where its arguments are, a device is
 * ignored, as in JAX.
 * @throws ShardingError if a sharding does not divide its array, or there is no such device
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.device_put.html
 */
export function devicePut<T>(tree: T, where?: DevicePutTree): T {
  const arrays = onDevice(tree);
  if (where === undefined) return arrays;
  const places = broadcastPrefix(where, arrays, "devicePut", { isLeaf: isPlace });
  const { leaves, treedef } = flattenArrays("devicePut", arrays);
  return unflatten(
    treedef,
    leaves.map((x, i) => put(x, places[i])),
  );
}

function put(x: Array, place: unknown): Array {
  if (place === null) return x;
  if (place instanceof NamedSharding) {
    checkRank(place, x.aval, "devicePut");
    return laidOut("devicePut", x, place);
  }
  const sharding = place instanceof SingleDeviceSharding ? place : isDevice(place) && new SingleDeviceSharding(place);
  if (!sharding)
    throw new ShardingError(
      `devicePut: must be a NamedSharding, a SingleDeviceSharding, a device of await devices(), or null; got ${describe(place)}`,
    );
  return isEvaluating() ? onOneDevice(concrete("devicePut", x), sharding) : x;
}

/**
 * The array as a sharding says: within a jitted function that is asked for, outside it is moved.
 * @throws ShardingError if the spec names an axis over which `shardMap` maps: there each device has its part already
 */
export function laidOut(op: string, x: Array, sharding: NamedSharding): Array {
  if (isEvaluating()) return overMesh(x, sharding);
  const mapped = mappedByShardMap(sharding.spec.entries.flatMap(axesOf));
  if (mapped !== undefined)
    throw new ShardingError(
      `${op}: within shardMap a spec must not name an axis that it maps over; got "${mapped}" in ${sharding.spec} for ${formatAval(x.aval)}${calledAt()}`,
    );
  return constrained(x, sharding);
}

/** On the same memory where that holds the values already. */
function overMesh(operand: Array, sharding: NamedSharding): DeviceArray {
  const { aval } = operand;
  checkFits(sharding, aval, "devicePut");
  const x = concrete("devicePut", operand);
  const { mesh } = sharding;
  if (x.isOnGpus && (x.sharding as NamedSharding).mesh.equals(mesh)) {
    const isThere = (x.sharding as NamedSharding).isEquivalentTo(sharding, x.ndim);
    return isThere ? x.alias().placedBy(sharding) : moved(x, sharding);
  }
  const whole = wholeOn(0, x);
  const topology = topologyFor(mesh);
  if (topology === undefined) return whole.placedBy(sharding);
  const storages = cutForGpus(whole, layoutOf(sharding.spec, x.ndim), topology);
  whole.dispose();
  return DeviceArray.onGpus(aval, sharding, { topology, storages });
}

function onOneDevice(x: DeviceArray, sharding: SingleDeviceSharding): DeviceArray {
  const { id } = sharding.device;
  const { length } = logicalDevices();
  if (!(Number.isInteger(id) && id >= 0 && id < length))
    throw new ShardingError(`devicePut: the device must be one of those that there are, 0 to ${length - 1}; got ${id}`);
  return wholeOn(gpuOf(id), x).placedBy(sharding);
}

/** The whole array on one GPU, placed nowhere; on the same memory if it is there. */
export function wholeOn(gpu: number, x: DeviceArray): DeviceArray {
  if (!x.isOnGpus && x.gpu === gpu) return x.alias();
  const whole = x.isOnGpus ? gathered(x) : x;
  if (whole.gpu === gpu) return whole;
  const copy = new DeviceArray(x.aval, getClient().copyTo(gpu, whole.storageFor("devicePut")));
  if (whole !== x) whole.dispose();
  return copy;
}

/** The array in another layout on the same mesh: its GPUs exchange what they need. */
function moved(x: DeviceArray, sharding: NamedSharding): DeviceArray {
  const v = newVar(x.aval);
  const closed = { jaxpr: { constvars: [], invars: [v], eqns: [], outvars: [v] }, consts: [] };
  const placement = placementOf("devicePut", closed, [x.sharding as NamedSharding], [], [sharding]);
  const [result] = launch(makeRunnable("devicePut", closed, undefined, placement), [x]);
  return result;
}

/** The whole of an array on several GPUs, on the first GPU. */
function gathered(x: DeviceArray): DeviceArray {
  const everywhere = moved(x, new NamedSharding((x.sharding as NamedSharding).mesh, P()));
  const { topology, storages } = everywhere.partsFor("devicePut") as Parts;
  const place = topology.gpus.indexOf(0);
  const storage = place < 0 ? getClient().copyTo(0, storages[0]) : getClient().share(storages[place]);
  everywhere.dispose();
  return new DeviceArray(x.aval, storage);
}
