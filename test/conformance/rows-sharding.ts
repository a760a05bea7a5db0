/** The bodies that the sharding family runs under `shardMap`, in this library's words. */
import * as jax from "jaxscale";
import { readFamily } from "./fixtures.ts";
import type { Params, Row } from "./rows.ts";

type A = jax.Array;
type AxisName = string | readonly string[];
const { lax, nn, numpy: jnp } = jax;

const axisOf = ({ axis_name }: Params): AxisName => axis_name as AxisName;
const oneAxis = (params: Params): string => axisOf(params) as string;
const tiledOf = ({ tiled }: Params): boolean => tiled as boolean;

/** Each is described in the README of the fixtures. */
const bodies: Readonly<Record<string, (params: Params) => (...args: A[]) => unknown>> = {
  psum: (p) => (x) => lax.psum(x, axisOf(p)),
  pmean: (p) => (x) => lax.pmean(x, axisOf(p)),
  pmax: (p) => (x) => lax.pmax(x, axisOf(p)),
  pmin: (p) => (x) => lax.pmin(x, axisOf(p)),
  psum_tree: (p) => (x) => {
    const [first, second] = lax.psum([x, x.mul(2)] as [A, A], axisOf(p));
    return first.mul(2).add(second);
  },
  all_gather: (p) => (x) => lax.allGather(x, axisOf(p), { axis: p.axis as number, tiled: tiledOf(p) }),
  psum_scatter: (p) => (x) =>
    lax.psumScatter(x, axisOf(p), { scatterDimension: p.scatter_dimension as number, tiled: tiledOf(p) }),
  all_to_all: (p) => (x) =>
    lax.allToAll(x, axisOf(p), p.split_axis as number, p.concat_axis as number, { tiled: tiledOf(p) }),
  ppermute: (p) => (x) => lax.ppermute(x, oneAxis(p), p.perm as [number, number][]),
  axis_index: (p) => (x) => x.mul(0).add(lax.axisIndex(axisOf(p)).astype(x.dtype)),
  axis_size: (p) => (x) => x.mul(lax.axisSize(axisOf(p))),
  matmul_psum: (p) => (x, w) => lax.psum(jnp.matmul(x, w), axisOf(p)),
  mlp_tensor_parallel: (p) => (x, up, down) => lax.psum(jnp.matmul(nn.silu(jnp.matmul(x, up)), down), axisOf(p)),
  softmax_sharded: (p) => (x) => {
    const largest = lax.pmax(jnp.max(x, { axis: -1, keepdims: true }), axisOf(p));
    const exps = jnp.exp(x.sub(largest));
    return exps.div(lax.psum(jnp.sum(exps, { axis: -1, keepdims: true }), axisOf(p)));
  },
  experts: (p) => (x, ids, w) => {
    const count = w.shape[0];
    const first = lax.axisIndex(axisOf(p)).mul(count);
    const parts = globalThis.Array.from({ length: count }, (_, e) => {
      const chosen = jnp.expandDims(ids.equal(first.add(e)), 1);
      return jnp.where(chosen, jnp.matmul(x, w.at(e).get()), 0);
    });
    return lax.psum(
      parts.reduce((sum, part) => sum.add(part)),
      axisOf(p),
    );
  },
  ring_sum: (p) => (x) => {
    const size = lax.axisSize(oneAxis(p));
    const ring = globalThis.Array.from({ length: size }, (_, i): [number, number] => [i, (i + 1) % size]);
    const step = ([total, part]: [A, A]): [[A, A], null] => [
      [total.add(part), lax.ppermute(part, oneAxis(p), ring)],
      null,
    ];
    return lax.scan(step, [x.mul(0), x] as [A, A], null, { length: size })[0][0];
  },
  identity: () => (x) => x,
};

const specOf = (entries: unknown): jax.PartitionSpec => jax.P(...(entries as (string | string[] | null)[]));

/** `size` devices by their numbers. */
const numbered = (size: number): { readonly id: number }[] =>
  globalThis.Array.from({ length: size }, (_, id) => ({ id }));

export function meshOf(sizes: Readonly<Record<string, number>>): jax.Mesh {
  const shape = Object.values(sizes);
  const count = shape.reduce((product, size) => product * size, 1);
  return jax.makeMesh(shape, Object.keys(sizes), { devices: numbered(count) });
}

function shardingRow(op: string): Row {
  const body = bodies[op.split(".")[1]];
  return (inputs, params) => {
    if (!body) throw new Error(`no body ${op}`);
    const mapped = jax.shardMap(body(params), {
      mesh: meshOf(params.mesh as Readonly<Record<string, number>>),
      inSpecs: (params.in_specs as unknown[]).map(specOf),
      outSpecs: specOf(params.out_specs),
      checkVma: params.check_vma as boolean,
    });
    return mapped(...(inputs as A[]));
  };
}

/** A row for each body of the fixtures; one that is not known is a failure of its row. */
export const shardingRows: Readonly<Record<string, Row>> = Object.fromEntries(
  (readFamily("sharding")?.cases ?? []).map(({ op }) => [op, shardingRow(op)]),
);
