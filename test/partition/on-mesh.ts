/** A function on a mesh, of one GPU and of two, against the same function on one device: interpreted, their results equal bit by bit. */
import type * as jax from "jaxscale";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { optimize } from "../../packages/jaxscale/src/compile.ts";
import { type ClosedJaxpr, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import { axesOf } from "../../packages/jaxscale/src/partition/named-sharding.ts";
import type { Partitioned } from "../../packages/jaxscale/src/partition/partition.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { meshOf } from "../conformance/rows-sharding.ts";
import { ShardableProgram } from "../random-shardings.ts";

/** Meshes, and how one dimension is split over all their axes, in several orders. */
export const meshes = [
  { mesh: { x: 8 }, rows: ["x"] },
  { mesh: { x: 2, y: 4 }, rows: ["y", "x"] },
  { mesh: { x: 2, y: 2, z: 2 }, rows: ["z", "x", "y"] },
  { mesh: { x: 1, y: 4 }, rows: ["x", "y"] },
] as const;

export type Spec = readonly (string | readonly string[] | null)[];

export interface OnMesh {
  readonly mesh: Readonly<Record<string, number>>;
  readonly args: readonly HostTensor[];
  readonly specs: readonly Spec[];
  /** Of the results; undefined leaves them as they come. */
  readonly wanted?: readonly (Spec | undefined)[];
  /** Largest difference, relative to 1 + |value|; without it results are equal bit by bit. */
  readonly tolerance?: number;
}

export interface Sharded {
  /** The program of one device. */
  readonly text: string;
  /** Its collectives and their result types, as `psum f32[4]`, in order. */
  readonly moves: readonly string[];
  /** Specs of the results. */
  readonly specs: readonly string[];
  readonly results: readonly HostTensor[];
}

const collectives = ["psum", "pmax", "pmin", "all_gather", "reduce_scatter", "all_to_all", "ppermute"];

/** Runs both, the mesh on one GPU and on two, compares, and says what moved. */
export async function onMesh(f: (...args: jax.Array[]) => unknown, given: OnMesh): Promise<Sharded> {
  const { mesh: sizes, args, specs, wanted, tolerance } = given;
  const mesh = meshOf(sizes);
  const types = args.map(({ shape, dtype }) => shapedArray(shape, dtype));
  const traced = traceToJaxpr("f", (...xs) => [f(...xs)].flat() as jax.Array[], types);
  const program = new ShardableProgram("f", traced, args);
  const layouts = specs.map((spec, i) => layoutOf(spec, types[i].shape.length));
  const placement = {
    mesh,
    layouts,
    wanted: program.resultShapes.map(({ length }, i) => {
      const spec = wanted?.[i];
      return spec && layoutOf(spec, length);
    }),
  };
  const { partitioned } = optimize(traced, { name: "f", ...placement });
  const { local, shardings } = partitioned as Partitioned;
  const text = printJaxpr(local);
  const want = await program.whole();
  let results: readonly HostTensor[] = [];
  for (const gpus of [2, 1]) {
    if (mesh.size % gpus > 0) continue;
    results = (await program.sharded({ ...placement, gpus })).tensors;
    results.forEach((tensor, i) => same(tensor, want[i], tolerance, `result ${i} on ${gpus} GPUs of\n${text}`));
  }
  return { text, moves: movesOf(local), specs: shardings.map(({ spec }) => `${spec}`), results };
}

const layoutOf = (spec: Spec, rank: number) => Array.from({ length: rank }, (_, d) => axesOf(spec[d]));

function movesOf({ jaxpr }: ClosedJaxpr): string[] {
  return jaxpr.eqns.flatMap(({ primitive, outputs: [{ aval }], params }) => {
    if (collectives.includes(primitive.name)) return [`${primitive.name} ${aval.dtype}[${aval.shape}]`];
    return primitive.subJaxprs(params).flatMap(movesOf);
  });
}

function same(got: HostTensor, want: HostTensor, tolerance: number | undefined, where: string): void {
  assert.is(got.dtype, want.dtype, where);
  assert.equal(got.shape, want.shape, where);
  got.values.forEach((value, i) => {
    const w = want.values[i];
    const near = tolerance !== undefined && Math.abs(value - w) <= tolerance * (1 + Math.abs(w));
    assert.ok(near || Object.is(value, w), `${where}\nelement ${i} is ${value}, of one device it is ${w}`);
  });
}

/** A tensor of some values, repeated as often as is needed and rounded to the dtype. */
export function tensor(shape: readonly number[], dtype: DType, values: readonly number[]): HostTensor {
  const out = hostTensor(shape, dtype);
  out.values.forEach((_, i) => {
    out.values[i] = roundTo(dtype, values[i % values.length]);
  });
  return out;
}

/** A tensor whose elements count up, from `start` by `step`. */
export const counting = (shape: readonly number[], dtype: DType, start = 0, step = 1): HostTensor =>
  tensor(
    shape,
    dtype,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => start + step * i),
  );
