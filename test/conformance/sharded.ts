/** A golden case on a mesh: its arguments split by a seeded choice, run through partitioning and stacking. */

import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { type Optimized, optimize } from "../../packages/jaxscale/src/compile.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import type { Layout } from "../../packages/jaxscale/src/partition/layout.ts";
import type { Partitioned } from "../../packages/jaxscale/src/partition/partition.ts";
import { type Topology, topologyOf } from "../../packages/jaxscale/src/partition/topology.ts";
import { rulesOf } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { held, interpretOnGpus, joined } from "../partition/interpret-on-gpus.ts";
import { difference } from "./compare.ts";
import type { Case, Family } from "./fixtures.ts";
import { meshOf } from "./rows-sharding.ts";
import { hostConstants, prepare, trace } from "./run-case.ts";

const meshes: readonly Readonly<Record<string, number>>[] = [
  { x: 2 },
  { x: 4 },
  { x: 8 },
  { x: 2, y: 4 },
  { x: 2, y: 2, z: 2 },
];

/** Numbers in `[0, n)` from a seed. @see https://en.wikipedia.org/wiki/Linear_congruential_generator */
export function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Axes of the mesh, each on a dimension that it divides or on none. */
function someLayout(
  shape: readonly number[],
  sizes: ReadonlyMap<string, number>,
  below: (n: number) => number,
): Layout {
  const layout: string[][] = shape.map(() => []);
  const rest = [...shape];
  for (const [name, size] of sizes) {
    const fits = rest.flatMap((n, dimension) => (n > 0 && n % size === 0 ? [dimension] : []));
    const dimension = fits[below(fits.length + 1)];
    if (dimension === undefined) continue;
    rest[dimension] /= size;
    layout[dimension].push(name);
  }
  return layout;
}

/** What is wrong with the case on a mesh of devices on `gpus` GPUs; undefined if nothing is. */
export async function shardedFailure(item: Case, family: Family, seed: number, gpus = 1): Promise<string | undefined> {
  const below = seeded(seed);
  const mesh = meshOf(meshes[below(meshes.length)]);
  const topology = topologyOf(mesh, (id) => Math.floor(id / Math.max(1, mesh.size / gpus)));
  const prepared = prepare(item, family);
  const whole = optimize(trace(item, prepared));
  const types = whole.flat.jaxpr.invars.map((v) => v.aval.shape);
  const layouts = types.map((shape) => someLayout(shape, mesh.shape, below));
  const wanted = whole.results.map(({ shape }) => (below(2) === 0 ? undefined : someLayout(shape, mesh.shape, below)));
  const where = `on ${mesh} on ${topology.gpus.length} GPUs with ${JSON.stringify(layouts)} to ${JSON.stringify(wanted)}`;
  try {
    const sharded = optimize(whole.flat, { name: item.name, mesh, layouts, wanted, ...(gpus > 1 && { topology }) });
    const want = await run(whole.closed, prepared.args);
    const got = await runOnGpus(sharded, prepared.args, topology);
    const split = combinesPartialResults((sharded.partitioned as Partitioned).local);
    for (const [i, tensor] of got.entries()) {
      const wrong = difference(tensor, want[i], split ? item : { ...item, exact: true, tolerance: undefined });
      if (wrong) return `output ${i} ${where}: ${wrong}`;
    }
    return undefined;
  } catch (error) {
    return `${where}: ${error instanceof Error ? error.stack : error}`;
  }
}

const run = async (closed: ClosedJaxpr, args: readonly HostTensor[]): Promise<readonly HostTensor[]> =>
  interpret({ jaxpr: closed.jaxpr, consts: await hostConstants(closed) }, args);

/** The results put together from what the GPUs hold. */
async function runOnGpus(
  { closed, partitioned, results }: Optimized,
  args: readonly HostTensor[],
  topology: Topology,
): Promise<readonly HostTensor[]> {
  const { args: given, layouts } = partitioned as Partitioned;
  const parts = args.map((x, i) => held(x, given[i], topology));
  const perGpu = topology.gpus.map((_, gpu) => parts.map((ofGpus) => ofGpus[gpu]));
  const found = interpretOnGpus({ ...closed, consts: await hostConstants(closed) }, perGpu, topology);
  return results.map(({ shape }, i) =>
    joined(
      found.map((own) => own[i]),
      shape,
      layouts[i],
      topology,
    ),
  );
}

/** Whether a sum or extreme was taken in parts: then its rounding may differ. */
const combinesPartialResults = ({ jaxpr }: ClosedJaxpr): boolean =>
  jaxpr.eqns.some(
    ({ primitive, params }) =>
      rulesOf(primitive).agrees === true || primitive.subJaxprs(params).some(combinesPartialResults),
  );
