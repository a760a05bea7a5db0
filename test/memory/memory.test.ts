import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";
import { collectGarbage } from "../collect-garbage.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const mebibyte = 2 ** 20;

test("10,000 eager operations in one turn, results dropped, stay within a budget of 64 MiB", async () => {
  // Without collecting garbage they would hold 2.5 GiB.
  const { code, output, errors } = await runProgram("memory/eager-loop.ts", {
    JAXSCALE_MEMORY_BUDGET: `${64 * mebibyte}`,
    TURNS: "10000",
  });
  assert.is(code, 0, errors);
  const { value, peakBytes, launches } = JSON.parse(output) as Record<string, number>;
  assert.is(value, 5000);
  assert.ok(launches >= 10_000);
  assert.ok(peakBytes <= 64 * mebibyte, `${peakBytes} bytes`);
});

interface State {
  readonly w: A;
  readonly m: A;
}

test("10,000 calls of a jitted step make no buffer and no bind group after the first few", async () => {
  const step = jit(
    (state: State, x: A) => {
      const y = nn.silu(x.dot(state.w));
      const g = x.T.dot(y).mul(1e-6);
      const m = state.m.mul(0.9).add(g);
      return { w: state.w.sub(m.mul(1e-3)), m };
    },
    { donateArgnums: 0 },
  );
  const x = jnp.linspace(-1, 1, 4 * 16).reshape([4, 16]);
  let state: State = { w: jnp.eye(16), m: jnp.zeros([16, 16]) };
  for (let i = 0; i < 100; i++) {
    state = step(state, x);
    if (i % 10 === 9) await jax.blockUntilReady(state);
  }
  // What earlier arrays held comes back to the pool when they are collected, and would give new pairings later.
  await collectGarbage();
  for (let i = 0; i < 100; i++) state = step(state, x);
  await jax.blockUntilReady(state);
  const before = { ...jax.statistics() };
  for (let i = 0; i < 10_000; i++) {
    state = step(state, x);
    if (i % 1000 === 999) await jax.blockUntilReady(state);
  }
  await jax.blockUntilReady(state);
  const after = jax.statistics();
  assert.is(after.launches - before.launches, 10_000);
  assert.is(after.buffersCreated - before.buffersCreated, 0);
  assert.is(after.bindGroupsCreated - before.bindGroupsCreated, 0);
  assert.is(after.pipelinesCreated - before.pipelinesCreated, 0);
  assert.is(after.bytesInUse, before.bytesInUse);
  assert.ok([...(await state.w.data())].every(Number.isFinite));
});

test("1,000 decode steps that append to a donated cache move rows, not caches, and make no buffer", async () => {
  const tokens = 1000;
  const append = jit((cache: A, row: A, at: A) => lax.dynamicUpdateSlice(cache, row, [at, 0]), { donateArgnums: 0 });
  const next = jit((at: A) => at.add(1), { donateArgnums: 0 });
  let cache = jnp.zeros([tokens, 64], { dtype: "bfloat16" });
  let at = jnp.array([0], { dtype: "int32" }).reshape([]);
  const row = jnp.ones([1, 64], { dtype: "bfloat16" });
  const turn = (): void => {
    cache = append(cache, row, at);
    at = next(at);
  };
  for (let i = 0; i < 10; i++) turn();
  await cache.blockUntilReady();
  const before = { ...jax.statistics() };
  for (let i = 10; i < tokens; i++) turn();
  await cache.blockUntilReady();
  assert.is(jax.statistics().buffersCreated - before.buffersCreated, 0);
  assert.is(await cache.astype("float32").sum().item(), tokens * 64);
});

test("dropped results are found again by the next turns, without a budget being reached", async () => {
  const f = jit((x: A) => x.add(1));
  const x = jnp.zeros([1000]);
  for (let i = 0; i < 50; i++) {
    for (let j = 0; j < 40; j++) f(x);
    await x.blockUntilReady();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.ok(jax.statistics().buffersInUse < 1500, `${jax.statistics().buffersInUse} buffers`);
});

test("`using`-style disposal gives memory back at once", async () => {
  await collectGarbage();
  const before = jax.statistics().bytesInUse;
  const x = jnp.zeros(2 ** 20);
  await x.blockUntilReady();
  assert.ok(jax.statistics().bytesInUse >= before + 4 * 2 ** 20);
  x[Symbol.dispose]();
  await jax.blockUntilReady(jnp.ones([1]));
  assert.ok(jax.statistics().bytesInUse < before + 2 ** 20, `${jax.statistics().bytesInUse - before} bytes`);
});

test("jitted functions that are dropped give their constants back, whatever the frames of their stacks hold", async () => {
  const x = jnp.ones([1024]);
  const used = async (): Promise<number> => {
    await collectGarbage();
    return jax.statistics().bytesInUse;
  };
  const callOnce = async (i: number): Promise<void> => {
    const table = jnp.arange(1024).add(i);
    const f = jit((y: A) => y.add(table));
    assert.is(await f(x).at(0).get().item(), 1 + i);
  };
  await callOnce(0);
  const before = await used();
  for (let i = 1; i <= 10; i++) await callOnce(i);
  // The last one may still be on the stack.
  const kept = (await used()) - before;
  assert.ok(kept <= 2 * 4096, `${kept} bytes`);
});

test("a loop over growing sizes does not keep a buffer of each", async () => {
  for (let n = 1; n <= 40; n++) {
    const x = jnp.ones([n * 10_000]);
    await x.blockUntilReady();
    x.dispose();
  }
  assert.ok(jax.statistics().bytesInUse < 8 * 2 ** 20, `${jax.statistics().bytesInUse} bytes`);
});

test.run();
