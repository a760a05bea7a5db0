/** Stacked layers, made by vmap and run by scan, against Flax; and what transformations over axes refuse. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { arrayOf, assertState, assertTensor, fixture, type Leaf, type Tensor } from "./flax.ts";
import { Cell } from "./model.ts";

await jax.ready();
const { numpy: jnp } = jax;

interface Fixture {
  readonly initial: readonly Leaf[];
  readonly input: Tensor;
  readonly out: Tensor;
  readonly after: readonly Leaf[];
  readonly each: Tensor;
  readonly grads: readonly Leaf[];
}
const want = fixture<Fixture>("stacked.json");
const x = arrayOf(want.input);

const makeCells = nnx.jit(() => {
  const rngs = new nnx.Rngs(2);
  nnx.splitRngs(rngs, { splits: 4 });
  return nnx.vmap((inner: nnx.Rngs) => new Cell(3, { rngs: inner }))(rngs);
});
const forward = nnx.scan((carry: jax.Array, cell: Cell) => cell.call(carry), {
  inAxes: [nnx.Carry, 0],
  outAxes: nnx.Carry,
});

test("layers made by vmap, run by scan and by vmap, and their gradients are Flax's", async () => {
  const cells = makeCells();
  await assertState(nnx.state(cells), want.initial, "stack");
  const run = nnx.jit((c: Cell) => {
    const out = forward(x, c);
    const after = nnx.clone(c);
    const each = nnx.vmap((input: jax.Array, cell: Cell) => cell.call(input), { inAxes: [null, 0] })(x, c);
    const grads = nnx.grad((inner: Cell) => {
      const y = forward(x, inner);
      return y.mul(y).sum();
    })(c);
    return [out, after, each, grads] as const;
  });
  const [out, after, each, grads] = run(cells);
  await assertTensor(out, want.out, "scan");
  await assertState(nnx.state(after, [nnx.BatchStat, nnx.RngState]), want.after, "after scan");
  await assertTensor(each, want.each, "vmap");
  await assertState(grads, want.grads, "gradients");
  assert.equal(await cells.calls.get().toList(), [3, 3, 3, 3]);
});

class Counter extends nnx.Module {
  readonly count = new nnx.BatchStat(jnp.zeros([]));
  readonly weight = new nnx.Param(jnp.ones([3]));
  call(input: jax.Array): jax.Array {
    this.count.set(this.count.get().add(1));
    return input.add(this.weight);
  }
}

test("a module in the carry is one object through all turns", async () => {
  const counter = new Counter();
  interface Pair {
    readonly counter: Counter;
    readonly sum: jax.Array;
  }
  const run = nnx.scan((carry: Pair, row: jax.Array): [Pair, jax.Array] => [
    { counter: carry.counter, sum: carry.sum.add(row) },
    carry.counter.call(row),
  ]);
  const [{ counter: after, sum }, rows] = run({ counter, sum: jnp.zeros([3]) }, jnp.ones([5, 3]));
  assert.is(after, counter);
  assert.is(await counter.count.get().item(), 5);
  assert.equal(await sum.toList(), [5, 5, 5]);
  assert.equal(rows.shape, [5, 3]);
});

test("state that is carried goes on, state that is scanned over has a slice a turn", async () => {
  const counter = new Counter();
  counter.weight.set(jnp.arange(6).reshape([2, 3]).astype("float32"));
  const axes = new nnx.StateAxes([
    [nnx.BatchStat, nnx.Carry],
    [true, 0],
  ]);
  const run = nnx.scan((carry: jax.Array, c: Counter) => c.call(carry), {
    inAxes: [nnx.Carry, axes],
    outAxes: nnx.Carry,
  });
  assert.equal(await run(jnp.zeros([3]), counter).toList(), [3, 5, 7]);
  assert.is(await counter.count.get().item(), 2);
  assert.equal(counter.weight.shape, [2, 3]);
});

test("weights that no iteration sets are not copied", () => {
  const counter = new Counter();
  const stacked = jnp.ones([2, 3]);
  counter.weight.set(stacked);
  counter.count.set(jnp.zeros([2]));
  nnx.scan((carry: jax.Array, c: Counter) => c.call(carry), { inAxes: [nnx.Carry, 0], outAxes: nnx.Carry })(
    jnp.zeros([3]),
    counter,
  );
  assert.is(counter.weight.get(), stacked);
});

test("axes other than the first, and reverse, are as in lax.scan", async () => {
  const rows = jnp.arange(6).reshape([3, 2]).astype("float32");
  const run = nnx.scan((sum: jax.Array, row: jax.Array) => [sum.add(row), sum.add(row)], {
    inAxes: [nnx.Carry, 1],
    outAxes: [nnx.Carry, 1],
    reverse: true,
  });
  const [sum, sums] = run(jnp.zeros([3]), rows);
  assert.equal(await sum.toList(), [1, 5, 9]);
  assert.equal(await sums.toList(), [
    [1, 1],
    [5, 3],
    [9, 5],
  ]);
});

test("a stack's metadata has an axis more, its slices one less", () => {
  const init = nnx.withPartitioning(jax.nn.initializers.ones, ["x", null]);
  const make = (rngs: nnx.Rngs): nnx.Linear => new nnx.Linear(2, 3, { kernelInit: init, rngs });
  const named = nnx.vmap(make, { partitionName: "layers" })(new nnx.Rngs(0).split(4));
  assert.equal(named.kernel.metadata.outSharding, ["layers", "x", null]);
  const unnamed = nnx.vmap(make)(new nnx.Rngs(0).split(4));
  assert.equal(unnamed.kernel.metadata.outSharding, [null, "x", null]);
  nnx.vmap((layer: nnx.Linear) => {
    assert.equal(layer.kernel.metadata.outSharding, ["x", null]);
    return layer.kernel.get();
  })(named);
});

test("setting state that is neither scanned over nor carried is refused by its path", () => {
  const run = nnx.scan((carry: jax.Array, c: Counter) => c.call(carry), {
    inAxes: [nnx.Carry, null],
    outAxes: nnx.Carry,
    length: 3,
  });
  assert.throws(
    () => run(jnp.zeros([3]), new Counter()),
    /nnx.scan: what an iteration sets or returns must be scanned over or carried; got args\[1\].count with axis null/,
  );
});

test("a carry that changes its structure is refused", () => {
  const run = nnx.scan((carry: { a: jax.Array }) => [{ b: carry.a } as never, null], {
    inAxes: [nnx.Carry],
    length: 2,
  });
  assert.throws(() => run({ a: jnp.zeros([]) }), /nnx.scan: the carry must keep its structure|same pytree structure/);
  const swap = nnx.scan((_: Counter) => [new Counter(), null] as [Counter, null], { inAxes: [nnx.Carry], length: 2 });
  assert.throws(
    () => swap(new Counter()),
    /got another Counter at its root, where Counter, which must be returned itself, came in/,
  );
});

test("specs that do not cover, or do not fit, are refused", () => {
  const counter = new Counter();
  const none = new nnx.StateAxes([[nnx.Param, 0]]);
  assert.throws(
    () => nnx.vmap((c: Counter) => c.weight.get(), { inAxes: [none] })(counter),
    /nnx.StateAxes: filters must take every leaf; got none for count/,
  );
  assert.throws(
    () => nnx.vmap((a: jax.Array) => a, { inAxes: [0, 1] })(jnp.ones([2])),
    /nnx.vmap: inAxes must be one, or one for each argument; got 2 for 1 arguments/,
  );
  assert.throws(
    () => nnx.vmap((a: jax.Array) => a, { inAxes: [nnx.Carry] })(jnp.ones([2])),
    /nnx.vmap: axes must be numbers or null; got Carry/,
  );
  assert.throws(
    () =>
      nnx.scan((a: jax.Array, _: jax.Array) => a, { inAxes: [nnx.Carry, nnx.Carry], outAxes: nnx.Carry })(
        jnp.ones([2]),
        jnp.ones([2]),
      ),
    /nnx.scan: there must be at most one Carry in inAxes; got 2/,
  );
});

test.run();
