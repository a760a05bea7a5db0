import { type Array, jit, numpy as jnp, lax, nn, ready } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const target = await ready();

/** Small whole numbers, so that sums are exact in any order. */
const count = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 23) - 11);
const kernelsOf = (f: (x: Array) => Array | readonly Array[], x: Array): string[] =>
  jit(f)
    .lower(x)
    .program(target)
    .kernels.map((k) => k.name);

const size = 70_001;
const values = count(size);
const total = values.reduce((a, b) => a + b, 0);

test("one long row is folded by many workgroups, then by one", async () => {
  const f = (x: Array): Array => jnp.sum(x);
  const x = jnp.array(values);
  assert.is(kernelsOf(f, x).length, 2);
  assert.match(kernelsOf(f, x)[0], /_level0/);
  assert.is(await jit(f)(x).item(), total);
});

test("short rows, and many rows, are not cut", () => {
  assert.is(kernelsOf((x) => jnp.sum(x), jnp.zeros([256])).length, 1);
  assert.is(kernelsOf((x) => jnp.sum(x, { axis: 1 }), jnp.zeros([4096, 1024])).length, 1);
});

test("several rows, rows of odd length and strided rows give each its own sum", async () => {
  const [rows, columns] = [3, 50_003];
  const host = count(rows * columns);
  const x = jnp.array(host).reshape([rows, columns]);
  const want = globalThis.Array.from({ length: rows }, (_, r) =>
    host.subarray(r * columns, (r + 1) * columns).reduce((a, b) => a + b, 0),
  );
  assert.equal(await jit((y: Array) => jnp.sum(y, { axis: 1 }))(x).toList(), want);
  const strided = jnp.array(host).reshape([columns, rows]);
  const ofColumns = globalThis.Array.from({ length: rows }, (_, r) =>
    host.reduce((a, b, i) => (i % rows === r ? a + b : a), 0),
  );
  assert.equal(await jit((y: Array) => jnp.sum(y, { axis: 0 }))(strided).toList(), ofColumns);
});

test("maxima, minima, products, logic and places of extremes are those of the whole row", async () => {
  const host = count(size).map((v, i) => (i === 61_234 ? 99 : i === 12_345 ? -99 : v));
  const x = jnp.array(host);
  const f = jit((y: Array) => [
    jnp.max(y),
    jnp.min(y),
    jnp.argmax(y),
    jnp.argmin(y),
    jnp.any(y.greater(98)),
    jnp.all(y.less(99)),
  ]);
  const results = await Promise.all(f(x).map((y) => y.item()));
  assert.equal(results, [99, -99, 61_234, 12_345, true, false]);
  // The first of equals.
  assert.is(await jit((y: Array) => jnp.argmax(y))(jnp.zeros([size])).item(), 0);
  assert.is(
    await jit((y: Array) => jnp.sum(y))(jnp.array(host).astype("int32")).item(),
    host.reduce((a, b) => a + b, 0),
  );
});

test("reductions that need each other take a kernel a level", async () => {
  const x = jnp.array(values).reshape([1, size]);
  const f = (y: Array): Array => nn.softmax(y, { axis: -1 });
  assert.is(kernelsOf(f, x).length, 3);
  const got = (await jit(f)(x).data()) as Float32Array;
  const weights = values.reduce((sum, v) => sum + Math.exp(v - 11), 0);
  let worst = 0;
  for (let i = 0; i < size; i++) {
    const want = Math.exp(values[i] - 11) / weights;
    worst = Math.max(worst, Math.abs(got[i] - want) / want);
  }
  assert.ok(worst < 1e-5, `relative error ${worst}`);
  const norm = jit((y: Array) => y.mul(lax.rsqrt(y.mul(y).mean({ axis: -1, keepdims: true }))).astype("bfloat16"));
  const square = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / size);
  const normed = await norm(x).data();
  for (const i of [0, 1, 35_000, size - 1]) assert.ok(Math.abs(normed[i] - values[i] / square) < 0.01);
});

test("NaN anywhere in the row reaches the sum and the maximum", async () => {
  const host = count(size);
  host[54_321] = Number.NaN;
  const results = jit((y: Array) => [jnp.sum(y), jnp.max(y)])(jnp.array(host));
  for (const y of results) assert.ok(Number.isNaN(await y.item()));
});

test.run();
