/** A function sharded in some way against the same unsharded in the interpreter. */
import * as jax from "jaxscale";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { type Layout, specOf } from "../../packages/jaxscale/src/partition/layout.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { describeSpecs, ShardableProgram, type Specs, seeded, someLayout } from "../random-shardings.ts";
import { type Bound, difference, onDevice, onHost } from "../tensors.ts";

type A = jax.Array;
export type F = (...args: A[]) => A[];

const programOf = (f: F, args: readonly HostTensor[]): ShardableProgram => {
  const types = args.map(({ shape, dtype }) => shapedArray(shape, dtype));
  return new ShardableProgram("f", traceToJaxpr("f", f as (...args: readonly A[]) => readonly A[], types), args);
};

const same = (
  got: readonly HostTensor[],
  want: readonly HostTensor[],
  bound: Bound,
  specs: Specs,
  f: F,
  args: readonly HostTensor[],
) => {
  for (const [i, tensor] of want.entries()) {
    const wrong = difference(got[i], tensor, { ...bound, anyZero: true });
    if (!wrong) continue;
    const types = args.map(({ shape, dtype }) => new jax.ShapeDtypeStruct(shape, dtype));
    throw new Error(
      `result ${i} ${describeSpecs(specs)}: ${wrong}\n${jax.makeJaxpr(f as (...args: unknown[]) => unknown)(...types)}`,
    );
  }
};

/** @param bound of results of which sums were taken in parts; the others are equal to the bit */
export async function checkInterpreted(
  f: F,
  args: readonly HostTensor[],
  seed: number,
  bound: Bound,
  mesh?: jax.Mesh,
): Promise<void> {
  const program = programOf(f, args);
  const specs = program.someSpecs(seeded(seed), mesh);
  const { tensors, isCombined } = await program.sharded(specs);
  same(tensors, await program.whole(), isCombined ? bound : {}, specs, f, args);
}

const placed = (mesh: jax.Mesh, layout: Layout): jax.NamedSharding => new jax.NamedSharding(mesh, specOf(layout));

/** The same on the device, by `jit` with shardings of arguments and results. */
export async function checkOnDevice(
  f: F,
  args: readonly HostTensor[],
  seed: number,
  bound: Bound,
  mesh?: jax.Mesh,
): Promise<void> {
  const program = programOf(f, args);
  const specs = program.someSpecs(seeded(seed), mesh);
  const inputs = args.map((x, i) => {
    const layout = specs.layouts[i];
    return layout ? jax.devicePut(onDevice(x), placed(specs.mesh, layout)) : onDevice(x);
  });
  const outShardings = specs.wanted.map((layout) => (layout ? placed(specs.mesh, layout) : null));
  const results = jax.jit(f as (...args: A[]) => A[], { outShardings })(...inputs);
  same(await Promise.all(results.map(onHost)), await program.whole(), bound, specs, f, args);
}

/** Asks, at every third step, that what it made lie in some way. */
export const constraining =
  (mesh: jax.Mesh) =>
  (x: A, seed: number): A =>
    seed % 3 === 0 ? jax.withShardingConstraint(x, placed(mesh, someLayout(x.shape, mesh, seeded(seed)))) : x;
