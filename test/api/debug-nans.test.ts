import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { rejection } from "../rejection.ts";

const { debug, jit, lax, numpy: jnp } = jax;

/** The line of this file that a message names. */
const lineIn = (message: string): number => Number(/debug-nans\.test\.ts:(\d+):\d+/.exec(message)?.[1]);
/** The line from which it is called. */
const thisLine = (): number =>
  Number(/debug-nans\.test\.ts:(\d+):\d+\)?$/.exec((new Error().stack ?? "").split("\n")[2])?.[1]);

test("the first operation that made a NaN is named, with its line", async () => {
  let line = 0;
  const f = jit((x: jax.Array) => {
    const shifted = x.sub(1);
    line = thisLine() + 1;
    const logs = jnp.log(shifted);
    return jnp.sqrt(logs.mul(2)).sum();
  });
  const error = await rejection(
    debug
      .nans(f)(jnp.array([0, 2, 3]))
      .data(),
  );
  assert.instance(error, jax.DeviceError);
  assert.match(error.message, /debug\.nans: log must make no NaN; got one in float32\[3\] of float32\[3\]/);
  assert.is(lineIn(error.message), line);
  // Unwatched, it is a value like any other.
  assert.ok(Number.isNaN(await f(jnp.array([0, 2, 3])).item()));
});

test("without a NaN results come as ever", async () => {
  const f = debug.nans((x: jax.Array) => [jnp.log(x), x.astype("int32")]);
  const [logs, whole] = f(jnp.array([1, 1]));
  assert.equal(await logs.toList(), [0, 0]);
  assert.equal(await whole.toList(), [1, 1]);
});

test("operations outside of jit are named too", async () => {
  const line = thisLine() + 1;
  const f = (x: jax.Array): jax.Array => jnp.sqrt(x).add(1);
  const error = await rejection(debug.nans(f)(jnp.array(-1)).data());
  assert.match(error.message, /sqrt must make no NaN/);
  assert.is(lineIn(error.message), line);
});

test("a NaN that is masked away before the results is none", async () => {
  const f = jit((x: jax.Array) => jnp.where(x.greater(0), jnp.log(x), 0));
  assert.equal(
    await debug
      .nans(f)(jnp.array([-1, 1]))
      .toList(),
    [0, 0],
  );
});

test("inside loops and branches the iteration is named, and the branch", async () => {
  let line = 0;
  const loop = jit((x: jax.Array) =>
    lax.foriLoop(
      0,
      5,
      (_, c: jax.Array) => {
        line = thisLine() + 1;
        return jnp.sqrt(c.sub(1));
      },
      x,
    ),
  );
  const inLoop = await rejection(
    debug
      .nans(loop)(jnp.array([10, 3.5]))
      .data(),
  );
  // √2.5 = 1.58, √0.58 = 0.76, √-0.24
  assert.match(inLoop.message, /sqrt must make no NaN; got one in float32\[2\] of float32\[2\], iteration 2 in scan/);
  assert.is(lineIn(inLoop.message), line);
  const branch = jit((x: jax.Array) =>
    lax.cond(
      x.sum().greater(2),
      (x: jax.Array) => jnp.log(x.neg()),
      (x: jax.Array) => x,
      x,
    ),
  );
  const inBranch = await rejection(
    debug
      .nans(branch)(jnp.array([5, 0.5]))
      .data(),
  );
  assert.match(inBranch.message, /log must make no NaN; got one .* branch 1 in cond/);
  const decided = jit((x: jax.Array) =>
    lax.whileLoop(
      (c: jax.Array) => c.less(10),
      (c: jax.Array) => c.add(4).mul(jnp.where(c.greater(5), Number.NaN, 1)),
      x,
    ),
  );
  const inWhile = await rejection(debug.nans(decided)(jnp.array(0.5)).data());
  assert.match(inWhile.message, /must make no NaN; got one .* iteration 2 in while/);
});

test("switched on, it watches everything, donated arguments and what was computed from a NaN too", async () => {
  debug.nans(true);
  try {
    const f = jit((x: jax.Array) => jnp.log(x), { donateArgnums: 0 });
    const bad = f(jnp.array([-1, 1.5]));
    const after = bad.add(1);
    const [first, second] = [await rejection(bad.data()), await rejection(after.data())];
    assert.match(first.message, /log must make no NaN/);
    assert.is(second, first);
    assert.is(await rejection(bad.blockUntilReady()), first);
    const given = await rejection(jit((x: jax.Array) => x.mul(2))(jnp.array([Number.NaN])).data());
    assert.match(given.message, /arguments must have no NaN; got float32\[1\] as argument 0/);
  } finally {
    debug.nans(false);
  }
  assert.ok(Number.isNaN(await jnp.log(jnp.array(-1)).item()));
});

test.run();
