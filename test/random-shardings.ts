/** A program in the interpreter, whole and partitioned over meshes by layouts that a seed chooses, or by all there are. */
import type * as jax from "jaxscale";
import type { HostTensor } from "../packages/jaxscale/src/base/tensor-data.ts";
import { type Optimized, optimize } from "../packages/jaxscale/src/compile.ts";
import { interpret } from "../packages/jaxscale/src/jaxpr/interpret.ts";
import type { ClosedJaxpr } from "../packages/jaxscale/src/jaxpr/ir.ts";
import type { AxisSizes, Layout } from "../packages/jaxscale/src/partition/layout.ts";
import type { Partitioned } from "../packages/jaxscale/src/partition/partition.ts";
import { type Topology, topologyOf } from "../packages/jaxscale/src/partition/topology.ts";
import { type PrimitiveRules, rulesOf } from "../packages/jaxscale/src/primitives/primitive.ts";
import { meshOf } from "./conformance/rows-sharding.ts";
import { hostConstants } from "./conformance/run-case.ts";
import { held, interpretOnGpus, joined } from "./partition/interpret-on-gpus.ts";

/** Meshes of 2, 4 and 8 devices. */
export const meshes = [
  meshOf({ x: 2 }),
  meshOf({ x: 4 }),
  meshOf({ x: 8 }),
  meshOf({ x: 2, y: 4 }),
  meshOf({ x: 2, y: 2, z: 2 }),
];

/** Whole numbers below a bound, the same in every run. */
export type Below = (n: number) => number;

/** From a seed. @see https://en.wikipedia.org/wiki/Linear_congruential_generator */
export function seeded(seed: number): Below {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Every layout of an array that a mesh divides: each axis on a dimension or on none, in any order. */
export function layoutsOf(shape: readonly number[], sizes: AxisSizes): readonly Layout[] {
  const found = new Map<string, Layout>();
  const place = (rest: readonly number[], layout: Layout, left: readonly string[]): void => {
    found.set(JSON.stringify(layout), layout);
    for (const name of left) {
      const size = sizes.get(name) as number;
      rest.forEach((n, dimension) => {
        if (n === 0 || n % size !== 0) return;
        place(
          rest.with(dimension, n / size),
          layout.with(dimension, [...layout[dimension], name]),
          left.filter((other) => other !== name),
        );
      });
    }
  };
  place(
    shape,
    shape.map(() => []),
    [...sizes.keys()],
  );
  return [...found.values()];
}

export const someMesh = (below: Below): jax.Mesh => meshes[below(meshes.length)];
export function someLayout(shape: readonly number[], mesh: jax.Mesh, below: Below): Layout {
  const all = layoutsOf(shape, mesh.shape);
  return all[below(all.length)];
}

/** How arguments lie and where results are wanted; undefined leaves an argument to the compiler, a result as it comes. */
export interface Specs {
  readonly mesh: jax.Mesh;
  /** Over which the devices are spread, as many a GPU as the mesh's size allows. */
  readonly gpus: number;
  readonly layouts: readonly (Layout | undefined)[];
  readonly wanted: readonly (Layout | undefined)[];
}
export const describeSpecs = ({ mesh, gpus, layouts, wanted }: Specs): string =>
  `on ${mesh} on ${gpus} GPUs with ${JSON.stringify(layouts)} to ${JSON.stringify(wanted)}`;

export interface ShardedRun {
  readonly tensors: readonly HostTensor[];
  /** A sum or extreme was taken in parts: its rounding may differ. */
  readonly isCombined: boolean;
}

/** A program that was traced once, to be run on many meshes. */
export class ShardableProgram {
  readonly name: string;
  readonly #whole: Optimized;
  readonly #args: readonly HostTensor[];

  constructor(name: string, traced: ClosedJaxpr, args: readonly HostTensor[]) {
    this.name = name;
    this.#whole = optimize(traced);
    this.#args = args;
  }

  /** Shapes of arguments and of results. */
  get argumentShapes(): readonly (readonly number[])[] {
    return this.#whole.flat.jaxpr.invars.map((v) => v.aval.shape);
  }
  get resultShapes(): readonly (readonly number[])[] {
    return this.#whole.results.map(({ shape }) => shape);
  }

  /** Specs by a seed: of two results one is left as it comes. */
  someSpecs(below: Below, mesh = someMesh(below)): Specs {
    const gpus = [1, 2, 4][below(3)];
    const some = (shape: readonly number[]): Layout => someLayout(shape, mesh, below);
    return {
      mesh,
      gpus,
      layouts: this.argumentShapes.map((shape) => (below(4) === 0 ? undefined : some(shape))),
      wanted: this.resultShapes.map((shape) => (below(2) === 0 ? undefined : some(shape))),
    };
  }

  /** Unsharded. */
  whole(): Promise<readonly HostTensor[]> {
    return run(this.#whole.closed, this.#args);
  }
  async sharded({ gpus, ...specs }: Specs): Promise<ShardedRun> {
    const { mesh } = specs;
    const topology = topologyOf(mesh, (id) => Math.floor(id / Math.max(1, mesh.size / gpus)));
    const placement = { name: this.name, ...specs, ...(gpus > 1 && { topology }) };
    const sharded = optimize(this.#whole.flat, placement);
    const { local } = sharded.partitioned as Partitioned;
    const isCombined = combinesPartialResults(local) || roundedFolds(local) > roundedFolds(this.#whole.flat);
    return { tensors: await runOnGpus(sharded, this.#args, topology), isCombined };
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

const combinesPartialResults = ({ jaxpr }: ClosedJaxpr): boolean =>
  jaxpr.eqns.some(({ primitive, params }) => {
    const { agrees, subJaxprs } = rulesOf(primitive);
    return agrees === true || primitive.name === "reduce_scatter" || subJaxprs(params).some(combinesPartialResults);
  });

/** Sums, products and running ones: where there are more than in the whole program, one was taken in parts too. */
const roundedFolds = ({ jaxpr }: ClosedJaxpr): number =>
  jaxpr.eqns.map(({ primitive }) => rulesOf(primitive)).filter(isRoundedFold).length;
const isRoundedFold = ({ lowering, exact }: PrimitiveRules): boolean =>
  (lowering.kind === "reduce" || lowering.kind === "prefix") && !exact;
