/** Bodies without annotations: a carry that begins as a number is an array inside. Checked by the type checker, and run. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Same, typed } from "./same.ts";
import "../setup.ts";

const { lax, numpy: jnp } = jax;
type A = jax.Array;

test("a number is an array inside foriLoop, and behind it", async () => {
  const sum = lax.foriLoop(0, 10, (i, x) => x.add(i), 0);
  typed<Same<typeof sum, A>>(true);
  assert.is(await sum.item(), 45);
});

test("a number is an array inside whileLoop, and behind it", async () => {
  const doubled = lax.whileLoop(
    (x) => x.less(100),
    (x) => x.mul(2),
    3,
  );
  typed<Same<typeof doubled, A>>(true);
  assert.is(await doubled.item(), 192);
});

test("a number is an array inside scan, and behind it", async () => {
  const [total, sums] = lax.scan((carry, x) => [carry.add(x), carry], 0, jnp.arange(4));
  typed<Same<typeof total, A>>(true);
  typed<Same<typeof sums, A>>(true);
  assert.is(await total.item(), 6);
  assert.equal(await sums.toList(), [0, 0, 1, 3]);
});

test("numbers beside arrays are arrays, in lists and in objects", async () => {
  const [count, power] = lax.foriLoop(0, 3, (_, [n, p]) => [n.add(1), p.mul(2)], [0, jnp.ones([2])]);
  typed<Same<typeof count, A>>(true);
  typed<Same<typeof power, A>>(true);
  assert.is(await count.item(), 3);
  assert.equal(await power.toList(), [8, 8]);

  const state = lax.whileLoop(
    ({ turns }) => turns.less(5),
    ({ turns, found }) => ({ turns: turns.add(1), found: found.not() }),
    { turns: 0, found: false },
  );
  typed<Same<typeof state, { turns: A; found: A }>>(true);
  assert.is(await state.found.item(), true);
});

test("a boolean is an array too, and a body may give a number back", async () => {
  const last = lax.foriLoop(0, 2, (i, [, n]) => [i.equal(1), n], [false, 7]);
  typed<Same<typeof last, [A, A]>>(true);
  assert.is(await last[0].item(), true);
  assert.is(await lax.foriLoop(0, 2, (_) => 5, 0).item(), 5);
});

test("carries of arrays, annotated bodies and generic functions are as they were", async () => {
  const x = lax.foriLoop(0, 2, (_, a) => a.add(1), jnp.zeros([2]));
  typed<Same<typeof x, A>>(true);
  const annotated = lax.foriLoop(0, 2, (i: A, a: A) => a.add(i), 1);
  typed<Same<typeof annotated, A>>(true);
  const repeated = <T>(f: (x: T) => T, first: T): T => lax.foriLoop(0, 3, (_, c) => f(c), first);
  assert.equal(await repeated((a: A) => a.mul(2), x).toList(), [16, 16]);
  const [end, none] = lax.scan((c, _) => [c.add(1), null], x, null, { length: 3 });
  typed<Same<typeof end, A>>(true);
  typed<Same<typeof none, null>>(true);
  assert.equal(await end.toList(), [5, 5]);
});

test("lists of arrays, and of arrays and trees, are tuples in every loop", async () => {
  const one = jnp.ones([2]);
  const looped = lax.whileLoop(
    ([count]) => count.less(3),
    ([count, { total }]) => [count.add(1), { total: total.add(count) }],
    [jnp.array(0), { total: one }],
  );
  typed<Same<typeof looped, [A, { total: A }]>>(true);
  assert.equal(await looped[1].total.toList(), [4, 4]);

  const folded = lax.foriLoop(0, 2, (_, [a, { b }]) => [b, { b: a }], [one, { b: one.add(1) }]);
  typed<Same<typeof folded, [A, { b: A }]>>(true);
  assert.equal(await folded[0].toList(), [1, 1]);

  const [carry, ys] = lax.scan(([a, { b }], x) => [[a.add(x), { b }], b], [jnp.zeros([]), { b: one }], jnp.ones([3]));
  typed<Same<typeof carry, [A, { b: A }]>>(true);
  typed<Same<typeof ys, A>>(true);
  assert.is(await carry[0].item(), 3);
});

test("associativeScan keeps tuples", async () => {
  // The recurrence y = a y + b, as pairs.
  const scanned = lax.associativeScan(
    ([a1, { b: b1 }], [a2, { b: b2 }]) => [a1.mul(a2), { b: b1.mul(a2).add(b2) }],
    [jnp.array([2, 2, 2]), { b: jnp.array([1, 1, 1]) }],
  );
  typed<Same<typeof scanned, [A, { b: A }]>>(true);
  assert.equal(await scanned[1].b.toList(), [1, 3, 7]);
  const sums = lax.associativeScan(lax.add, jnp.arange(4));
  typed<Same<typeof sums, A>>(true);
  assert.equal(await sums.toList(), [0, 1, 3, 6]);
  const generic = <T>(f: (left: T, right: T) => T, first: T): T => lax.associativeScan(f, first);
  assert.equal(await generic((a: A, b: A) => a.mul(b), jnp.array([1, 2, 3])).toList(), [1, 2, 6]);
});

test.run();
