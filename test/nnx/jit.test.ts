/** nnx.jit and nnx.grad: what is written back, what is traced again, what is donated. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

await jax.ready();
const { numpy: jnp } = jax;

class Counter extends nnx.Module {
  readonly count = new nnx.BatchStat(jnp.array(0, { dtype: "int32" }));
  readonly weight = new nnx.Param(jnp.ones([3]));
  step = 1;
  call(x: jax.Array): jax.Array {
    this.count.set(this.count.get().add(this.step));
    return x.mul(this.weight);
  }
}

test("what a jitted function sets is set in the caller's module, what it leaves alone is not copied", async () => {
  const counter = new Counter();
  const weight = counter.weight.get();
  let traces = 0;
  const f = nnx.jit((c: Counter, x: jax.Array) => {
    traces++;
    return c.call(x);
  });
  assert.equal(await f(counter, jnp.ones([3])).toList(), [1, 1, 1]);
  f(counter, jnp.ones([3]));
  f(new Counter(), jnp.ones([3]));
  assert.is(await counter.count.get().item(), 2);
  assert.is(counter.weight.get(), weight);
  assert.is(traces, 1);
  counter.step = 5;
  f(counter, jnp.ones([3]));
  assert.is(await counter.count.get().item(), 7);
  assert.is(traces, 2);
});

test("what is shared among arguments is shared inside, and results that are arguments are the same objects", async () => {
  const counter = new Counter();
  const f = nnx.jit((a: Counter, b: nnx.Param, c: { readonly again: Counter }) => {
    assert.is(a.weight, b);
    assert.is(a, c.again);
    b.set(b.get().add(1));
    return { a, list: [a.weight, b.get().sum()] as const, state: nnx.state(a, nnx.Param) };
  });
  const out = f(counter, counter.weight, { again: counter });
  assert.is(out.a, counter);
  assert.is(out.list[0], counter.weight);
  assert.is(out.state.get("weight"), counter.weight);
  assert.is(await out.list[1].item(), 6);
  assert.equal(await counter.weight.get().toList(), [2, 2, 2]);
});

test("attributes that a jitted function adds, replaces and removes are so in the caller's module", async () => {
  class Open extends nnx.Module {
    declare added?: nnx.Param;
    removed?: nnx.Param = new nnx.Param(jnp.ones([1]));
    replaced: nnx.Param | jax.Array = new nnx.Param(jnp.ones([2]));
    kept = new nnx.List([new Counter()]);
    note = "before";
  }
  const open = new Open();
  const [first] = open.kept;
  nnx.jit((m: Open) => {
    m.added = new nnx.Param(jnp.full([2], 7, { dtype: "float32" }));
    delete m.removed;
    m.replaced = jnp.zeros([2]);
    m.kept.push(m.kept[0], new Counter());
    m.note = "after";
  })(open);
  assert.equal(await open.added?.get().toList(), [7, 7]);
  assert.is(open.removed, undefined);
  assert.instance(open.replaced, jax.Array);
  assert.is(open.note, "after");
  assert.is(open.kept.length, 3);
  assert.is(open.kept[0], first);
  assert.is(open.kept[1], first);
});

test("modules are made by jitted functions", async () => {
  const make = nnx.jit((rngs: nnx.Rngs) => new nnx.Linear(2, 3, { rngs }));
  const rngs = new nnx.Rngs(0);
  const [layer, same] = [make(rngs), new nnx.Linear(2, 3, { rngs: new nnx.Rngs(0) })];
  assert.equal(await layer.kernel.get().toList(), await same.kernel.get().toList());
  assert.is(await rngs.stream("params").count.get().item(), 2);
});

test("donated state is taken over, whether it changes or not; the rest stays alive", async () => {
  const counter = new Counter();
  counter.weight.set(jnp.ones([3]).mul(2));
  const [weight, count] = [counter.weight.get(), jnp.array([0], { dtype: "int32" }).at(0).get()];
  counter.count.set(count);
  const all = nnx.jit((c: Counter, x: jax.Array) => c.call(x), { donateArgnums: 0 });
  assert.equal(await all(counter, jnp.ones([3])).toList(), [2, 2, 2]);
  assert.ok(weight.isDeleted && count.isDeleted);
  assert.equal(await counter.weight.get().toList(), [2, 2, 2]);

  const kept = counter.weight.get();
  const before = counter.count.get();
  const some = nnx.jit((c: Counter, x: jax.Array) => c.call(x), { donate: nnx.BatchStat });
  some(counter, jnp.ones([3]));
  assert.ok(before.isDeleted);
  assert.not.ok(kept.isDeleted);
  assert.is(await counter.count.get().item(), 2);
});

test("a cache is written in place: a step's program has no copy of it", async () => {
  class Cached extends nnx.Module {
    readonly cache = new nnx.Cache(jnp.zeros([64, 8]));
    call(row: jax.Array, at: jax.Array): jax.Array {
      this.cache.set(jax.lax.dynamicUpdateSlice(this.cache.get(), row, [at, 0]));
      return this.cache.get().sum({ axis: 0 });
    }
  }
  const cached = new Cached();
  const step = nnx.jit((m: Cached, row: jax.Array, at: jax.Array) => m.call(row, at), { donate: nnx.Cache });
  const compiled = await step.lower(cached, jnp.ones([1, 8]), jnp.array(3)).compile();
  assert.is(compiled.memoryAnalysis().aliasSizeBytes, 64 * 8 * 4);
  assert.equal(await step(cached, jnp.ones([1, 8]), jnp.array(3)).toList(), [1, 1, 1, 1, 1, 1, 1, 1]);
});

test("static arguments are compared by value; others that are no arrays are refused", async () => {
  let traces = 0;
  const f = nnx.jit(
    (mode: { readonly factor: number }, c: Counter) => {
      traces++;
      return c.weight.get().mul(mode.factor);
    },
    { staticArgnums: 0 },
  );
  const counter = new Counter();
  assert.equal(await f({ factor: 2 }, counter).toList(), [2, 2, 2]);
  f({ factor: 2 }, counter);
  assert.equal(await f({ factor: 3 }, counter).toList(), [3, 3, 3]);
  assert.is(traces, 2);
  assert.throws(
    () => nnx.jit((_c: Counter, _mode: string) => 0)(counter, "fast"),
    /nnx.jit: arguments must be modules, arrays, numbers, booleans or trees of them; got string for .*staticArgnums/,
  );
});

test("grad differentiates in Params, gives a State, and writes back what the function sets", async () => {
  const counter = new Counter();
  const [value, gradient] = nnx.valueAndGrad((c: Counter, x: jax.Array) => c.call(x).sum())(
    counter,
    jnp.arange(3).astype("float32"),
  );
  assert.is(await value.item(), 3);
  assert.equal(
    [...gradient].map(([path]) => path.join(".")),
    ["weight"],
  );
  assert.equal(await gradient.get("weight").get().toList(), [0, 1, 2]);
  assert.is(await counter.count.get().item(), 1);
});

test("grad takes other kinds, several arguments and aux", async () => {
  class Two extends nnx.Module {
    readonly a = new nnx.Param(jnp.ones([]).mul(2));
    readonly b = new nnx.BatchStat(jnp.ones([]).mul(3));
  }
  const two = new Two();
  const f = (m: Two, x: jax.Array): [jax.Array, { readonly seen: jax.Array }] => [
    m.a.get().mul(m.b).mul(x),
    { seen: m.a.get().add(m.b) },
  ];
  const [[state, dx], aux] = nnx.grad(f, { argnums: [new nnx.DiffState(0, nnx.BatchStat), 1], hasAux: true })(
    two,
    jnp.ones([]).mul(5),
  );
  assert.equal(
    [...state].map(([path]) => path.join(".")),
    ["b"],
  );
  assert.equal([await state.get("b").get().item(), await dx.item(), await aux.seen.item()], [10, 6, 5]);
  assert.throws(
    () => nnx.grad((m: nnx.List<number>) => jnp.ones([]).mul(m.length))(new nnx.List([1])),
    /nnx.grad: there must be a parameter to differentiate in; got none in argument 0/,
  );
  assert.throws(
    () => nnx.grad(f, { argnums: 2 })(two, jnp.ones([])),
    /argnums must name arguments of the call; got 2 for 2/,
  );
});

test.run();
