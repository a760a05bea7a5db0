/** Numbers of JavaScript among the arguments of calls: each call has its own, whatever was called before or follows. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a loop of calls with ever new numbers takes no new buffers", async () => {
  const step = jit((w: A, scale: number, i: number) => w.mul(scale).add(i));
  let w = jnp.zeros(8);
  let expected = 0;
  const run = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const next = step(w, 0.5, i);
      w.dispose();
      w = next;
      expected = Math.fround(Math.fround(expected * 0.5) + i);
      if (i % 100 === 99) await turn();
    }
  };
  // The first calls wait for compilation.
  await run(0, 100);
  await w.blockUntilReady();
  await run(100, 400);
  const { buffersCreated, buffersInUse, bindGroupsCreated } = jax.statistics();
  await run(400, 2000);
  assert.is(jax.statistics().buffersInUse, buffersInUse);
  assert.is(jax.statistics().buffersCreated, buffersCreated);
  assert.is(jax.statistics().bindGroupsCreated, bindGroupsCreated);
  assert.equal(await w.toList(), new Array(8).fill(expected));
});

test("a step a turn of the event loop does not, either", async () => {
  const step = jit((w: A, i: number) => w.add(i));
  let w = jnp.zeros(8);
  for (let i = 0; i < 400; i++) {
    w = step(w, i);
    await turn();
  }
  assert.equal(await w.toList(), new Array(8).fill((399 * 400) / 2));
});

test("the operations of a turn each see their own number", async () => {
  const x = jnp.zeros(4);
  const results = range(700).map((i) => x.add(i / 4));
  const values = await Promise.all(results.map(async (y) => (await y.data())[3]));
  assert.equal(
    values,
    range(700).map((i) => i / 4),
  );
});

test("calls that wait for the device and for compilation see their own numbers", async () => {
  const f = jit((x: A, i: number, j: number) => x.mul(i).add(j));
  const x = jnp.ones(3);
  const early = range(300).map((i) => f(x, i, -i - 1));
  await turn();
  const late = range(300).map((i) => f(x, i, 1000 + i));
  assert.equal(await Promise.all(early.map((y) => y.toList())), new Array(300).fill([-1, -1, -1]));
  assert.equal(
    await Promise.all(late.map(async (y) => (await y.data())[0])),
    range(300).map((i) => 1000 + 2 * i),
  );
});

for (const count of [257, 1000])
  test(`a tree of ${count} distinct numbers is an argument`, async () => {
    const numbers = range(count).map((i) => i + 0.5);
    const sum = jit((list: readonly A[]) => jnp.stack(list as A[]).sum());
    assert.is(await sum(numbers as never).item(), (count * count) / 2);
    const doubled = jit((list: readonly A[]) => list.map((x) => x.mul(2)))(numbers as never);
    assert.equal(
      await Promise.all(doubled.map((x) => x.item())),
      numbers.map((x) => 2 * x),
    );
  });

test("numbers passed through are kept while later calls bring others", async () => {
  const both = jit((x: A, i: number) => ({ sum: x.add(i), i: i as never as A, row: jnp.reshape(i, [1]) }));
  const x = jnp.ones(2);
  const kept = range(500).map((i) => both(x, i));
  await turn();
  kept.push(...range(500).map((i) => both(x, 500 + i)));
  assert.equal(await Promise.all(kept.map(({ i }) => i.item())), range(1000));
  assert.equal(
    await Promise.all(kept.map(({ row }) => row.toList())),
    range(1000).map((i) => [i]),
  );
  assert.equal(
    await Promise.all(kept.map(async ({ sum }) => (await sum.data())[1])),
    range(1000).map((i) => i + 1),
  );
});

test("a number passed through may be donated, and others that are equal stay what they are", async () => {
  const pass = jit((x: A) => x);
  const increment = jit((x: A) => x.add(1), { donateArgnums: 0 });
  const [first, second] = [pass(41 as never), pass(41 as never)];
  assert.is(await increment(first).item(), 42);
  assert.is(await second.item(), 41);
  assert.is(await pass(41 as never).item(), 41);
  assert.is(await increment(43 as never).item(), 44);
});

test("a function closes over a number that was passed through", async () => {
  const held = jit((x: A) => x)(7 as never);
  const f = jit((x: A) => x.mul(held));
  assert.equal(await f(jnp.ones(2)).toList(), [7, 7]);
  assert.equal(await f(jnp.ones(2)).toList(), [7, 7]);
});

test("every number keeps its bits", async () => {
  const pair = jit((x: A) => [x, x.dtype === "bool" ? x : x.neg().neg()]);
  const special: [number | boolean, jax.DType | undefined][] = [
    [-0, "float32"],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NEGATIVE_INFINITY, "float16"],
    [1e-40, undefined],
    [0.1, "bfloat16"],
    [-2.5, "float16"],
    [true, undefined],
    [false, undefined],
    [-128, "int8"],
    [255, "uint8"],
    [-32768, "int16"],
    [65535, "uint16"],
    [-(2 ** 31), undefined],
    [2 ** 32 - 1, "uint32"],
  ];
  for (const [value, dtype] of special) {
    const x = jnp.array(value, { dtype });
    const expected = await x.item();
    for (const y of pair(x).slice(0, value === 1e-40 ? 1 : 2))
      assert.ok(Object.is(await y.item(), expected), `${value} ${dtype}: ${await y.item()}`);
  }
});

test("loops whose turns the device decides see the numbers of their call", async () => {
  const countTo = jit((x: A, n: number, by: number) =>
    lax.whileLoop(
      (c: A) => c.less(n),
      (c: A) => c.add(by),
      x,
    ),
  );
  const counts = range(40).map((i) => countTo(jnp.zeros([]), i + 0.5, 1));
  const x = jnp.zeros(2);
  const between = range(100).map((i) => x.add(i + 0.25));
  assert.equal(
    await Promise.all(counts.map((c) => c.item())),
    range(40).map((i) => i + 1),
  );
  assert.equal(
    await Promise.all(between.map((y) => y.toList())),
    range(100).map((i) => [i + 0.25, i + 0.25]),
  );
});

test("a derivative, a batch and a scan take numbers", async () => {
  const loss = (w: A, scale: number): A => w.mul(scale).sum();
  const slope = jit(jax.grad(loss as never)) as unknown as (w: A, scale: number) => A;
  for (let i = 0; i < 300; i += 37) assert.equal(await slope(jnp.ones(2), i).toList(), [i, i]);
  const folded = jit((start: number) =>
    lax.scan((c: A, x: A): [A, A] => [c.add(x), c], start as never as A, jnp.arange(4)),
  );
  for (let i = 0; i < 300; i += 37) assert.is(await folded(i)[0].item(), i + 6);
});

test.run();
