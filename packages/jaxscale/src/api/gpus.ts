/** Which GPU each device is part of, and how meshes lie on GPUs. */
import { ShardingError } from "../base/errors.ts";
import type { Mesh, MeshDevice } from "../partition/mesh.ts";
import { type Topology, topologyOf } from "../partition/topology.ts";
import { getClient } from "../runtime/index.ts";

/** The devices by their numbers: as many on each GPU, those of the first one first. @throws ShardingError if their number is no multiple of that of the GPUs */
export function logicalDevices(): readonly MeshDevice[] {
  const { platform, gpuCount } = getClient();
  const setting = platform.readVariable("JAXSCALE_DEVICES") || `${gpuCount}`;
  const count = Number(setting);
  if (!Number.isInteger(count) || count < 1)
    throw new ShardingError(`JAXSCALE_DEVICES: must be a whole number, 1 or more; got ${setting}`);
  if (count % gpuCount !== 0)
    throw new ShardingError(
      `JAXSCALE_DEVICES: must be a multiple of the number of GPUs; got ${setting} for the ${gpuCount} that JAXSCALE_ADAPTER names`,
    );
  return globalThis.Array.from({ length: count }, (_, id) => ({ id }));
}

/** Number of the GPU that a device is part of. @throws ShardingError if there is no such device, and several GPUs */
export function gpuOf(id: number): number {
  const { gpuCount } = getClient();
  if (gpuCount === 1) return 0;
  const { length } = logicalDevices();
  if (id >= length)
    throw new ShardingError(`Mesh: devices must be among those that there are, 0 to ${length - 1}; got ${id}`);
  return Math.floor(id / (length / gpuCount));
}

const topologies = new WeakMap<Mesh, Topology>();

/** How a mesh lies on GPUs; undefined if on the first alone, where unplaced arrays are. @throws ShardingError if a GPU's devices are no block of it */
export function topologyFor(mesh: Mesh): Topology | undefined {
  if (getClient().gpuCount === 1) return undefined;
  let topology = topologies.get(mesh);
  if (topology === undefined) topologies.set(mesh, (topology = topologyOf(mesh, gpuOf)));
  return topology.gpus.every((gpu) => gpu === 0) ? undefined : topology;
}
