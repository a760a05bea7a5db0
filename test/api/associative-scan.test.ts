import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onDevice } from "../tensors.ts";
import { type A, floats, numbers, valuesOf } from "./agrees.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
const sizes = [0, 1, 2, 5, 8, 17];

/** All prefixes, one after the other. */
function prefixes<T>(combine: (a: T, b: T) => T, values: readonly T[]): T[] {
  const out: T[] = [];
  for (const v of values) out.push(out.length === 0 ? v : combine(out[out.length - 1], v));
  return out;
}
const close = (got: readonly number[], want: readonly number[]): void => {
  assert.is(got.length, want.length);
  want.forEach((w, i) => assert.ok(Math.abs(got[i] - w) <= 1e-5 * (1 + Math.abs(w)), `${got[i]} at ${i}, wanted ${w}`));
};

test("sums of whole numbers, of any length, in both directions", async () => {
  for (const n of sizes) {
    const x = numbers([n], "int32", n + 1);
    const both = jit((v: A) => [lax.associativeScan(jnp.add, v), lax.associativeScan(jnp.add, v, { reverse: true })]);
    const list = [...x.values];
    const want = prefixes((a, b) => a + b, list);
    const back = prefixes((a, b) => a + b, list.toReversed()).toReversed();
    assert.equal(await valuesOf(both(onDevice(x))), [want, back]);
  }
});

test("maxima along the second axis of bfloat16", async () => {
  const x = numbers([3, 9], "bfloat16", 5);
  const got = await valuesOf(jit((v: A) => lax.associativeScan(jnp.maximum, v, { axis: 1 }))(onDevice(x)));
  const rows = [0, 1, 2].map((r) => [...x.values.slice(9 * r, 9 * r + 9)]);
  assert.equal(got, [rows.flatMap((row) => prefixes(Math.max, row))]);
});

test("affine maps composed: what does not commute keeps its order", async () => {
  const [a, b] = [numbers([11], "float32", 1), numbers([11], "float32", 2)];
  type Pair = { a: A; b: A };
  const compose = (first: Pair, then: Pair): Pair => ({ a: first.a.mul(then.a), b: then.a.mul(first.b).add(then.b) });
  const f = jit((x: A, y: A) => [
    lax.associativeScan(compose, { a: x, b: y }),
    lax.associativeScan(compose, { a: x, b: y }, { reverse: true }),
  ]);
  const pairs = [...a.values].map((v, i) => [v, b.values[i]] as const);
  const chain = (list: readonly (readonly [number, number])[]) =>
    prefixes(([a1, b1], [a2, b2]) => [a1 * a2, a2 * b1 + b2] as const, list);
  const [one, two] = [chain(pairs), chain(pairs.toReversed()).toReversed()];
  const want = [one, two].flatMap((list) => [list.map(([x]) => x), list.map(([, y]) => y)]);
  const got = await valuesOf(f(onDevice(a), onDevice(b)));
  got.forEach((list, i) => close(list, want[i]));
});

test("logic of bools", async () => {
  const x = [true, true, false, true, false];
  const f = jit((v: A) => [lax.associativeScan(jnp.logicalAnd, v), lax.associativeScan(jnp.logicalXor, v)]);
  assert.equal(await valuesOf(f(jnp.array(x))), [
    [1, 1, 0, 0, 0],
    [1, 0, 0, 1, 1],
  ]);
});

test("NaN and infinity stay where they are", async () => {
  const x = floats(1, Number.NaN, Number.POSITIVE_INFINITY, 2);
  const second = (_: A, right: A): A => right;
  assert.equal(await valuesOf(jit((v: A) => lax.associativeScan(second, v))(x)), [
    [1, Number.NaN, Number.POSITIVE_INFINITY, 2],
  ]);
});

test("the gradient of a running product is that of each product", async () => {
  const x = [0.5, 2, -1, 3];
  const f = (v: A): A => jnp.sum(lax.associativeScan(jnp.multiply, v));
  const value = (v: readonly number[]): number => prefixes((a, b) => a * b, v).reduce((a, b) => a + b, 0);
  const [got] = await valuesOf(jit(jax.grad(f))(floats(...x)));
  const h = 1e-5;
  close(
    got,
    x.map((_, i) => {
      const moved = (by: number): number => value(x.map((e, j) => (j === i ? e + by : e)));
      return (moved(h) - moved(-h)) / (2 * h);
    }),
  );
});

test("what combine gives must be what it takes", () => {
  const of = (combine: (a: A, b: A) => unknown) => () =>
    lax.associativeScan(combine as (a: A, b: A) => A, jnp.zeros([3]));
  assert.throws(
    of((a, b) => [a, b]),
    /^associative_scan: combine must give a tree like .*PyTreeDef\(\*\); got PyTreeDef\(\[\*, \*\]\)/,
  );
  assert.throws(
    of((a) => a.sum()),
    /combine must give the types that it takes; got float32\[\] of two float32\[1\]/,
  );
  assert.throws(
    () => lax.associativeScan(([a]: A[], [b]: A[]) => [a, b], [jnp.zeros([2]), jnp.zeros([3])]),
    /associative_scan: arrays must have equal sizes along the axis; got 2 and 3/,
  );
});

test.run();
