/** Calls of programs on the GPUs on which their arguments lie. */
import { ShardingError } from "../base/errors.ts";
import type { Optimized } from "../compile.ts";
import { formatAval } from "../jaxpr/ir.ts";
import { type Layout, layoutOf, sameLayout, specOf } from "../partition/layout.ts";
import type { Mesh } from "../partition/mesh.ts";
import { NamedSharding, type Sharding, SingleDeviceSharding } from "../partition/named-sharding.ts";
import type { Partitioned } from "../partition/partition.ts";
import { isEqualOnGpus, type Topology } from "../partition/topology.ts";
import { getClient, type LazyProgram, type Storage } from "../runtime/index.ts";
import type { Array } from "../trace/array.ts";
import { cutForGpus } from "./cut-for-gpus.ts";
import { arraysArePlaced, concrete, DeviceArray, singleDevice } from "./device-array.ts";
import { replayBehind } from "./effects.ts";
import { gpuOf } from "./gpus.ts";

/** The device of arguments that lie on one GPU: that which they were put on. */
export function singleDeviceOf(operands: readonly Array[]): {
  readonly gpu: number;
  readonly sharding?: SingleDeviceSharding;
} {
  if (!arraysArePlaced()) return firstGpu;
  for (const x of operands) {
    const sharding = placeOf(x);
    if (sharding instanceof SingleDeviceSharding) return { gpu: gpuOf(sharding.device.id), sharding };
  }
  return firstGpu;
}
const firstGpu = { gpu: 0 } as const;

/** Where an array was put; undefined if nobody did, so that it goes where others are. */
function placeOf(x: Array): Sharding | undefined {
  const sharding = x instanceof DeviceArray ? x.sharding : singleDevice;
  return sharding === singleDevice ? undefined : sharding;
}

/** @throws ShardingError if arguments were put on different devices, as JAX does */
export function checkDevices(name: string, operands: readonly Array[]): void {
  if (!arraysArePlaced()) return;
  let first: { readonly x: Array; readonly i: number; readonly place: Sharding } | undefined;
  for (const [i, x] of operands.entries()) {
    const place = placeOf(x);
    if (place === undefined) continue;
    first ??= { x, i, place };
    if (!isOnSameDevices(place, first.place))
      throw new ShardingError(
        `${name}: arguments must be on the same devices; got ${formatAval(first.x.aval)} with ${first.place} as argument ${first.i} and ${formatAval(x.aval)} with ${place} as argument ${i}. Move one with devicePut`,
      );
  }
}

function isOnSameDevices(a: Sharding, b: Sharding): boolean {
  if (a === b) return true;
  const [some, others] = [a, b].map((place) => (place instanceof NamedSharding ? place.mesh.devices : [place.device]));
  return some === others || (some.length === others.length && some.every(({ id }) => others.some((d) => d.id === id)));
}

/** All GPUs of the program's mesh run it, each on its parts of the arguments. */
export function launchOnGpus(
  program: LazyProgram,
  { results, held, effects, partitioned, operands: constants }: Optimized,
  operands: readonly Array[],
): DeviceArray[] {
  const { placement, shardings, args } = partitioned as Partitioned;
  const topology = placement.topology as Topology;
  const placed = { mesh: placement.mesh, topology };
  const { name, donated = [] } = program;
  const consumed: Storage[] = [];
  const columns = [...operands, ...(constants as readonly Array[])].map((operand, i) => {
    const x = concrete(name, operand);
    if (donated.includes(i) && !x.isOnGpus) consumed.push(x.storageFor(name, i));
    return argumentOnGpus(x, args[i], placed, { name, index: i, isDonated: donated.includes(i) });
  });
  const storages = getClient().launchOn(
    topology.gpus,
    program,
    topology.gpus.map((_, place) => columns.map((column) => column[place])),
  );
  // Of a donated array that lay on one GPU the program got copies.
  for (const storage of consumed) if (!storage.deleted) storage.consume(name).release();
  if (effects) replayBehind(storages[0].slice(held.length), effects.results, effects.replay);
  return results.map((aval, i) =>
    DeviceArray.onGpus(aval, shardings[i], { topology, storages: storages.map((ofGpu) => ofGpu[i]) }),
  );
}

interface Use {
  readonly name: string;
  readonly index: number;
  readonly isDonated: boolean;
}

/** A placement on several GPUs. */
interface Placed {
  readonly mesh: Mesh;
  readonly topology: Topology;
}

/** What each GPU gets of an argument. @throws ShardingError if it lies on them in another way */
function argumentOnGpus(
  x: DeviceArray,
  layout: Layout,
  { mesh, topology }: Placed,
  { name, index, isDonated }: Use,
): readonly (Storage | number)[] {
  const parts = x.partsFor(name, index);
  if (parts) {
    const { mesh: own, spec } = x.sharding as NamedSharding;
    if ((own === mesh || own.equals(mesh)) && sameLayout(layoutOf(spec, x.ndim), layout)) return parts.storages;
    throw new ShardingError(
      `${name}: arguments must lie as they did when it was compiled; got ${formatAval(x.aval)} with ${x.sharding} as argument ${index}, wanted ${new NamedSharding(mesh, specOf(layout))}. Move it with devicePut`,
    );
  }
  const argument = isDonated ? x.storageFor(name, index) : x.argumentFor(name, index);
  if (typeof argument === "number") return topology.gpus.map(() => argument);
  if (!isEqualOnGpus(layout, topology)) return cutForGpus(x, layout, topology);
  return topology.gpus.map((gpu) => (gpu === x.gpu ? argument : getClient().copyTo(gpu, argument)));
}
