/** memoryAnalysis says what the pool then holds. */
import type * as jax from "jaxscale";
import { jit, numpy as jnp, lax, nn, random, statistics, trimMemory } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

type A = jax.Array;

/** The most that the pool held for a function's arguments, constants, temporaries and results. */
async function measure(
  make: () => Promise<{ f: (...args: A[]) => A | readonly A[]; args: A[]; donateArgnums?: number[] }>,
): Promise<{ readonly measured: number; readonly planned: number }> {
  trimMemory();
  const counters = statistics();
  const before = counters.bytesInUse;
  const { f, args, donateArgnums } = await make();
  await Promise.all(args.map((x) => x.blockUntilReady()));
  const jitted = jit(f, { donateArgnums });
  const compiled = await jitted.lower(...args).compile();
  counters.peakBytes = counters.bytesInUse;
  const results = [jitted(...args)].flat() as A[];
  await Promise.all(results.map((x) => x.blockUntilReady()));
  const measured = counters.peakBytes - before;
  for (const x of [...args, ...results]) if (!x.isDeleted) x.dispose();
  jitted.clearCache();
  return { measured, planned: compiled.memoryAnalysis().peakSizeBytes };
}

const uniform = (seed: number, shape: readonly number[]): A => random.uniform(random.key(seed), shape);

const programs: Record<string, Parameters<typeof measure>[0]> = {
  "a chain of products of odd sizes": async () => ({
    f: (x, w) => jnp.tanh(jnp.tanh(x.dot(w)).dot(w)).dot(w),
    args: [uniform(0, [413, 777]), uniform(1, [777, 777])],
  }),
  "softmax attention with a constant": async () => {
    const w = uniform(2, [333, 640]);
    await w.blockUntilReady();
    return { f: (x) => nn.softmax(x.dot(w)).dot(w.T), args: [uniform(3, [999, 333])] };
  },
  "an update in place of a donated cache": async () => ({
    f: (cache, x) => [lax.dynamicUpdateSlice(cache, x.dot(x), [5, 0]), x.sum()],
    args: [jnp.zeros([5001, 300]), uniform(4, [300, 300])],
    donateArgnums: [0],
  }),
  "a loop that carries packed arrays": async () => {
    const wide = uniform(5, [777, 777]);
    const x = await wide.astype("bfloat16").blockUntilReady();
    wide.dispose();
    return { f: (y) => lax.foriLoop(0, 4, (_: unknown, z: A) => jnp.tanh(z.dot(z)), y) as A, args: [x] };
  },
};

for (const [name, make] of Object.entries(programs))
  test(`${name}: the plan is within 2 % of the pool's peak`, async () => {
    const { measured, planned } = await measure(make);
    assert.ok(measured > 1e6, `${measured} bytes`);
    assert.ok(Math.abs(planned - measured) <= 0.02 * measured, `planned ${planned}, measured ${measured}`);
  });

test.run();
