/** Updates of arrays that several devices share: JAX's values, and written where the donated array lies. */
import { readFileSync } from "node:fs";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { lax, numpy: jnp, P } = jax;
type A = jax.Array;

interface Case {
  readonly shape: readonly number[];
  readonly update: readonly number[];
  readonly starts: readonly number[] | readonly (readonly number[])[];
  readonly inAxes: readonly (number | null)[];
  readonly outAxes: number;
  readonly resultShape: readonly number[];
  readonly result: readonly number[];
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../fixtures/updates/updates.json", import.meta.url), "utf8"),
);
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

test(`mapped over any axes, dynamicUpdateSlice gives what JAX's vmap gives (${cases.length} cases)`, async () => {
  for (const { shape, update, starts, inAxes, outAxes, resultShape, result } of cases) {
    const x = jnp.arange(count(shape), { dtype: "float32" }).reshape(...shape);
    const u = jnp
      .arange(count(update), { dtype: "float32" })
      .add(1)
      .neg()
      .reshape(...update);
    const at = jnp.array(starts as number[][], { dtype: "int32" });
    const put = (y: A, v: A, s: A): A =>
      lax.dynamicUpdateSlice(
        y,
        v,
        y.shape.map((_, i) => s.at(i).get()),
      );
    const got = jax.jit(jax.vmap(put, { inAxes: [...inAxes], outAxes }))(x, u, at);
    const where = `${shape} ${update} ${inAxes}`;
    assert.equal([...got.shape], resultShape, where);
    // Negative starts count from the end here as in JAX's function.
    assert.equal([...(await got.data())], result, where);
  }
});

const sizes = { batch: 4, capacity: 16, heads: 8, width: 6 };
const cacheShape = [sizes.batch, sizes.capacity, sizes.heads, sizes.width];

/** Each row of the cache gets its new items at its own place. */
const appendRows = (cache: A, items: A, start: A): A =>
  jax.vmap((row: A, item: A, at: A): A => lax.dynamicUpdateSlice(row, item, [at, 0, 0]))(cache, items, start);
/** All rows get them at one place. */
const append = (cache: A, items: A, start: A): A => lax.dynamicUpdateSlice(cache, items, [0, start.at(0).get(), 0, 0]);

/** The same by index, as models' caches do it: what does not fit is dropped. */
const setRows = (cache: A, items: A, start: A): A => {
  const places = jnp.expandDims(start, 1).add(jnp.arange(items.shape[1], { dtype: "int32" }));
  return jax.vmap((row: A, at: A, item: A): A => row.at(at).set(item, { uniqueIndices: true }))(cache, places, items);
};

for (const dtype of ["float32", "bfloat16"] as const)
  for (const [name, f] of Object.entries({ append, appendRows, setRows }))
    for (const spec of [P("data"), P(null, null, "tensor"), P("data", null, "tensor"), P(["data", "tensor"])])
      for (const tokens of [1, 3])
        test(`${name} of ${tokens} into a ${dtype} cache that lies as ${spec}: only they are written, in the cache's memory`, async () => {
          const mesh = meshOf({ data: 2, tensor: 2 });
          const lie = (s: jax.PartitionSpec): jax.NamedSharding => new jax.NamedSharding(mesh, s);
          const values = (seed: number, shape: readonly number[]): A =>
            jax.random.normal(jax.random.key(seed), shape).astype(dtype);
          const make = (): A => values(0, cacheShape);
          const items = values(1, cacheShape.with(1, tokens));
          const start = jnp.array([5, 0, 14, 9], { dtype: "int32" });
          const sharded = jax.jit(f, {
            donateArgnums: 0,
            inShardings: [lie(spec), lie(spec), lie(P(...spec.entries.slice(0, 1)))],
            outShardings: lie(spec),
          });
          const compiled = await sharded.lower(make(), items, start).compile();
          const { aliasSizeBytes, outputSizeBytes, temporarySizeBytes } = compiled.memoryAnalysis();
          assert.is(aliasSizeBytes, outputSizeBytes);
          assert.ok(temporarySizeBytes < outputSizeBytes / 4, `${temporarySizeBytes} bytes of temporaries`);
          const steps = compiled.program.segments.flatMap((segment) => segment.steps);
          assert.ok(
            steps.every(({ kind }) => kind === "dispatch"),
            "nothing is copied",
          );
          // The items are read and written; index vectors may be put together before.
          assert.ok(compiled.costAnalysis().bytesAccessed < outputSizeBytes / 2);
          assert.equal(await sharded(make(), items, start).data(), await jax.jit(f)(make(), items, start).data());
        });

test.run();
