/** Cuts an array that lies on one GPU into what each GPU of a mesh holds of it. */
import type { Layout } from "../partition/layout.ts";
import { isEqualOnGpus, placesAlong, type SplitAxis, type Topology } from "../partition/topology.ts";
import { getClient, type Storage } from "../runtime/index.ts";
import { withTrace } from "../trace/trace.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import type { DeviceArray } from "./device-array.ts";

/** A storage of its own for each GPU of a topology, in its order. */
export function cutForGpus(x: DeviceArray, layout: Layout, topology: Topology): readonly Storage[] {
  const client = getClient();
  const whole = isEqualOnGpus(layout, topology);
  return topology.gpus.map((gpu, place) => {
    const part = whole ? x : partFor(x, layout, topology, place);
    const storage = part.storageFor("devicePut");
    if (gpu === x.gpu) return whole ? client.share(storage) : storage;
    const copied = client.copyTo(gpu, storage);
    if (!whole) part.dispose();
    return copied;
  });
}

/** What the GPU at a place holds: of each dimension the runs of its sub-axes over devices of the GPU. */
function partFor(x: DeviceArray, layout: Layout, topology: Topology, place: number): DeviceArray {
  const at = placesAlong(topology, place);
  const apart: number[] = [];
  const starts: number[] = [];
  const limits: number[] = [];
  const held: number[] = [];
  const add = (size: number, start = 0, limit = size): void => {
    apart.push(size);
    starts.push(start);
    limits.push(limit);
  };
  x.shape.forEach((size, dimension) => {
    let part = size;
    let run = size;
    for (const name of layout[dimension]) {
      const axis = topology.axes.find((other) => other.name === name) as SplitAxis;
      const mine = at.get(name) as number;
      add(axis.gpus, mine, mine + 1);
      add(axis.local);
      part /= axis.gpus;
      run /= axis.gpus * axis.local;
    }
    add(run);
    held.push(part);
  });
  // At once, on the array's GPU, whatever is traced at the moment.
  return withTrace(undefined, () => ops.reshape(ops.slice(ops.reshape(x, apart), starts, limits), held)) as DeviceArray;
}
