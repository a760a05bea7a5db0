/** Random streams against Flax's. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { assertState, assertTensor, fixture, type Leaf, type Tensor } from "./flax.ts";
import { Cell } from "./model.ts";

await jax.ready();

interface Fixture {
  readonly keys: readonly (readonly [string, Tensor])[];
  readonly fork: readonly Leaf[];
  readonly split: readonly Leaf[];
  readonly after: readonly Leaf[];
}
const want = fixture<Fixture>("streams.json");

test("keys, forks and splits are Flax's, and so are the counts after them", async () => {
  const rngs = new nnx.Rngs(0, { params: 3 });
  for (const [name, key] of want.keys) await assertTensor(rngs.key(name), key, name);
  const [forked, parts] = [rngs.fork(), rngs.split(3)];
  await assertState(nnx.state(forked), want.fork, "fork");
  await assertState(nnx.state(parts), want.split, "split");
  await assertState(nnx.state(rngs), want.after, "after");
});

test("the n-th key of a stream is the n-th folded into its seed", async () => {
  const rngs = new nnx.Rngs({ params: 4, dropout: jax.random.key(9) });
  rngs.params();
  assert.equal(await rngs.params().data.toList(), await jax.random.foldIn(jax.random.key(4), 1).data.toList());
  assert.equal(await rngs.dropout().data.toList(), await jax.random.foldIn(jax.random.key(9), 0).data.toList());
});

test("a stream that was not seeded is the default one, or an error that lists those that were", () => {
  const rngs = new nnx.Rngs(0);
  assert.is(rngs.stream("noise"), rngs.stream("default"));
  assert.throws(
    () => new nnx.Rngs({ params: 0 }).dropout(),
    /nnx.Rngs: a stream must have been seeded, or there be a default one; got dropout, not one of params/,
  );
});

test("streams pass through jit, which counts in the caller's", async () => {
  const rngs = new nnx.Rngs(0);
  const draw = nnx.jit((r: nnx.Rngs) => jax.random.uniform(r.key(), [2]));
  const [a, b] = [await draw(rngs).toList(), await draw(rngs).toList()];
  assert.not.equal(a, b);
  assert.is(await rngs.stream("default").count.get().item(), 2);
  const again = new nnx.Rngs(0);
  again.key();
  assert.equal(await draw(again).toList(), b);
});

test("streams of a model are split in place, all or some, and given back", async () => {
  const cell = new Cell(2, { rngs: new nnx.Rngs(0) });
  const shapeOf = (): readonly number[] => (cell.dropout.rngs as nnx.RngStream).key.shape;
  {
    using _ = nnx.splitRngs(cell, { splits: 3 });
    assert.equal(shapeOf(), [3]);
  }
  assert.equal(shapeOf(), []);
  const backups = nnx.splitRngs(cell, { splits: 3, only: "other" });
  assert.equal(shapeOf(), []);
  backups.restore();
  assert.is(await (cell.dropout.rngs as nnx.RngStream).count.get().item(), 1);
});

test.run();
