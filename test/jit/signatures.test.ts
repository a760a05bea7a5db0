/** How many signatures of a function are kept. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, numpy: jnp } = jax;

test("the 512 signatures used last are kept, of any number", async () => {
  const traced: number[] = [];
  const f = jit(
    (x: jax.Array, n: number) => {
      traced.push(n);
      return x.mul(n);
    },
    { staticArgnums: 1 },
  );
  const x = jnp.ones(2);
  const use = (n: number): readonly number[] => {
    const before = traced.length;
    f.lower(x, n);
    return traced.slice(before);
  };
  for (let n = 0; n < 512; n++) assert.equal(use(n), [n]);
  assert.equal(use(0), []);
  // 1 is now the one not used for longest.
  assert.equal(use(512), [512]);
  assert.equal(use(0), []);
  assert.equal(use(1), [1]);
  assert.equal(use(2), [2]);
  assert.equal(use(511), []);
  assert.equal(await f(x, 3).toList(), [3, 3]);
});

test("what is forgotten gives back the memory that its program kept, and still runs", async () => {
  const f = jit((x: jax.Array) => x.dot(x).dot(x));
  const x = jnp.ones([64, 64]);
  const compiled = await f.lower(x).compile();
  assert.ok(compiled.memoryAnalysis().temporarySizeBytes > 0);
  const [first] = compiled.call(x);
  assert.is((await first.data())[4095], 64 * 64);
  const before = jax.statistics().bytesInUse;
  f.clearCache();
  assert.ok(jax.statistics().bytesInUse < before);
  const [again] = compiled.call(x);
  assert.is((await again.data())[4095], 64 * 64);
});

test.run();
