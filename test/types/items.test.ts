/** What `item` gives, by type and by value. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Same, typed } from "./same.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;
const x = jnp.array([1.5, 2, 3]);

test("sums, means and positions have numbers", async () => {
  const sum = await x.sum().item();
  typed<Same<typeof sum, number>>(true);
  assert.is(sum.toFixed(1), "6.5");
  const mean = await jnp.mean(x.mul(2)).item();
  typed<Same<typeof mean, number>>(true);
  const place = await jnp.argmax(x).item();
  typed<Same<typeof place, number>>(true);
  assert.is(place + 1, 3);
  const count = await jnp.countNonzero(x).item();
  typed<Same<typeof count, number>>(true);
  const half = await x.sum().div(2).neg().item();
  typed<Same<typeof half, number>>(true);
  assert.is(half, -3.25);
});

test("comparisons and tests have booleans", async () => {
  const less = await x.at(0).get().less(2).item();
  typed<Same<typeof less, boolean>>(true);
  assert.is(less, true);
  const any = await jnp.any(jnp.isnan(x)).item();
  typed<Same<typeof any, boolean>>(true);
  const close = await jnp.allclose(x, x).item();
  typed<Same<typeof close, boolean>>(true);
  assert.equal([any, close], [false, true]);
});

test("astype says which, if the name of the dtype is known", async () => {
  const bool = await x.sum().astype("bool").item();
  typed<Same<typeof bool, boolean>>(true);
  const int = await x.at(0).get().astype("int32").item();
  typed<Same<typeof int, number>>(true);
  assert.equal([bool, int], [true, 1]);
  const name: jax.DType = "int8" as jax.DType;
  const either = await x.sum().astype(name).item();
  typed<Same<typeof either, number | boolean>>(true);
});

test("of an array whose dtype is not known it is one of the two", async () => {
  const array: A = x.at(1).get();
  const item = await array.item();
  typed<Same<typeof item, number | boolean>>(true);
  assert.is(item, 2);
});

test("what is known passes through jit and derivatives", async () => {
  const loss = await jit((v: A) => v.sum())(x).item();
  typed<Same<typeof loss, number>>(true);
  const [value, gradient] = jax.valueAndGrad((v: A) => jnp.sum(v.mul(v)))(x);
  const known = await value.item();
  typed<Same<typeof known, number>>(true);
  typed<Same<typeof gradient, A>>(true);
  const model = new nnx.Linear(3, 1, { rngs: new nnx.Rngs(0) });
  const [trained] = nnx.valueAndGrad((m: nnx.Linear) => jnp.sum(m.call(x)))(model);
  const item = await trained.item();
  typed<Same<typeof item, number>>(true);
  assert.ok(Number.isFinite(item));
});

test("any array may stand where one of a known kind was inferred", async () => {
  let total = x.sum();
  total = total.add(x.at(0).get());
  assert.is(await total.item(), 8);
  const looped = lax.foriLoop(0, 2, (_, v) => v.add(1), x.sum());
  assert.is(await looped.item(), 8.5);
  const found = lax.whileLoop(
    ({ done }) => done.not(),
    ({ v }) => ({ v: v.add(1), done: v.add(1).sum().greater(10) }),
    { v: x, done: jnp.any(jnp.isnan(x)) },
  );
  assert.is(await found.done.item(), true);
  const takes = (array: A): A => array;
  const arrays: A[] = [x.sum(), x.sum().less(1), takes(x.less(0))];
  assert.is(arrays.length, 3);
});

test.run();
