import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

const list = (x: A): Promise<unknown> => x.toList();
const deleted = /^Array has been deleted with shape=float32\[8\]\. It was .*, called at .*donation\.test\.ts:\d+:\d+/;

/** What `console.warn` is told while `run` runs. */
function warningsOf(run: () => void): string[] {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (message: string) => warnings.push(message);
  try {
    run();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

test("a donated array is deleted at the call, and any use of it says so in JAX's words", async () => {
  const step = jit((x: A) => x.add(1), { donateArgnums: 0, name: "train" });
  const x = jnp.zeros(8);
  const y = step(x);
  assert.ok(x.isDeleted);
  assert.throws(() => x.add(1), deleted);
  assert.throws(() => step(x), deleted);
  assert.throws(() => jit((a: A) => a)(x), deleted);
  assert.throws(() => x.add(1), /It was donated to train, so add must not use it as argument 0, called /);
  x.dispose();
  for (const use of [() => x.data(), () => x.toList(), () => x.text(), () => x.blockUntilReady()]) {
    const error = await use().then(
      () => undefined,
      (e: Error) => e,
    );
    assert.match(error?.message ?? "no error", deleted);
    assert.instance(error, jax.DeviceError);
  }
  // The type is still known.
  assert.equal([x.shape, x.dtype, String(x)], [[8], "float32", "Array(float32[8])"]);
  assert.equal(await list(y), new Array(8).fill(1));
});

test("a disposed array says the same; disposing twice is harmless, and so is `using`", () => {
  const x = jnp.zeros(8);
  x.dispose();
  assert.throws(() => x.mul(2), deleted);
  assert.throws(() => jnp.ones(8).add(x), /It was disposed of, so add must not use it as argument 1, called /);
  x.dispose();
  x[Symbol.dispose]();
});

test("donation in a loop makes no new buffer", async () => {
  const step = jit((x: A, by: A) => x.mul(2).sub(by), { donateArgnums: 0 });
  let x = jnp.ones(1000);
  const by = jnp.ones(1000);
  for (let i = 0; i < 3; i++) x = step(x, by);
  await x.blockUntilReady();
  const before = { ...jax.statistics() };
  for (let i = 0; i < 20; i++) x = step(x, by);
  assert.is(jax.statistics().bytesInUse - before.bytesInUse, 0);
  assert.is(jax.statistics().buffersCreated - before.buffersCreated, 0);
  assert.equal(new Set(await x.data()), new Set([1]));
});

test("a donation that fits no result is warned of once, and the array stays alive", async () => {
  const sum = jit((x: A) => jnp.sum(x), { donateArgnums: 0, name: "total" });
  const x = jnp.ones(8);
  const warnings = warningsOf(() => {
    sum(x);
    sum(x);
  });
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /donated arrays must have the shape and dtype of a result; got float32\[8\] for total/);
  assert.not.ok(x.isDeleted);
  assert.equal(await list(x), new Array(8).fill(1));
});

test("of two donated arrays only as many are taken as there are results of their type", async () => {
  const add = jit((x: A, y: A) => x.add(y), { donateArgnums: [0, 1] });
  const [x, y] = [jnp.ones(8), jnp.ones(8)];
  let z: A | undefined;
  assert.is(warningsOf(() => (z = add(x, y))).length, 1);
  assert.equal([x.isDeleted, y.isDeleted], [true, false]);
  assert.equal(await list(z as A), new Array(8).fill(2));
  assert.equal(await list(y), new Array(8).fill(1));
});

test("one array donated twice, or donated and passed again, is refused and stays alive", async () => {
  const swap = jit((x: A, y: A) => [x.add(y), x.sub(y)] as const, { donateArgnums: [0, 1] });
  const first = jit((x: A, y: A) => x.add(y), { donateArgnums: 0 });
  const x = jnp.ones(8);
  assert.throws(() => swap(x, x), /donated once; got float32\[8\] donated twice/);
  assert.throws(() => first(x, x), /donated array must not be passed again; got float32\[8\]/);
  assert.equal(await list(x), new Array(8).fill(1));
});

test("a donated argument that is returned as it is, also twice, is right", async () => {
  const f = jit((x: A) => [x, x, x.add(1)] as const, { donateArgnums: 0 });
  const x = jnp.arange(4);
  const [a, b, c] = f(x);
  assert.ok(x.isDeleted);
  a.dispose();
  assert.equal(
    [await list(b), await list(c)],
    [
      [0, 1, 2, 3],
      [1, 2, 3, 4],
    ],
  );
});

test("a donated array that a pending result still needs is not overwritten", async () => {
  const x = jnp.arange(6);
  const doubled = x.mul(2);
  const same = jit((a: A) => a)(x);
  const y = jit((a: A) => a.add(100), { donateArgnums: 0 })(x);
  assert.equal(await list(same), [0, 1, 2, 3, 4, 5]);
  assert.equal(await list(doubled), [0, 2, 4, 6, 8, 10]);
  assert.equal(await list(y), [100, 101, 102, 103, 104, 105]);
});

test("all leaves of a donated tree are donated; donation within another jitted function does nothing", async () => {
  const update = jit((state: { m: A; v: A }, g: A) => ({ m: state.m.add(g), v: state.v.add(g.mul(g)) }), {
    donateArgnums: 0,
  });
  const state = { m: jnp.zeros(8), v: jnp.zeros(8) };
  const g = jnp.full(8, 3, { dtype: "float32" });
  const outer = jit((s: typeof state, x: A) => {
    const next = update(s, x);
    return next.m.add(s.m).add(next.v);
  });
  assert.equal(await list(outer(state, g)), new Array(8).fill(12));
  assert.not.ok(state.m.isDeleted);
  const next = update(state, g);
  assert.ok(state.m.isDeleted && state.v.isDeleted);
  assert.equal(await list(next.v), new Array(8).fill(9));
});

test("an argument cannot be static and donated", () => {
  assert.throws(() => jit((x: A) => x, { staticArgnums: 0, donateArgnums: 0 }), /cannot be both static and donated/);
});

// ---- in place -------------------------------------------------------------------

const put = jit((cache: A, row: A, i: A) => lax.dynamicUpdateSlice(cache, row, [i, 0]), {
  donateArgnums: 0,
  name: "put",
});

test("a cache that is donated is written in place: no copy, only the row's bytes move", async () => {
  const cache = jnp.zeros([1024, 64]);
  const row = jnp.ones([1, 64]);
  const compiled = await put.lower(cache, row, jnp.array(3)).compile();
  const steps = compiled.program.segments.flatMap((s) => s.steps);
  assert.equal(
    steps.map((s) => s.kind),
    ["dispatch"],
  );
  const { argumentSizeBytes, outputSizeBytes, aliasSizeBytes, temporarySizeBytes, peakSizeBytes } =
    compiled.memoryAnalysis();
  assert.equal(
    { argumentSizeBytes, outputSizeBytes, aliasSizeBytes, temporarySizeBytes, peakSizeBytes },
    {
      argumentSizeBytes: 1024 * 64 * 4 + 64 * 4 + 16,
      outputSizeBytes: 1024 * 64 * 4,
      aliasSizeBytes: 1024 * 64 * 4,
      temporarySizeBytes: 0,
      // The position lies in a buffer of 256 bytes, the least that the pool gives out.
      peakSizeBytes: 1024 * 64 * 4 + 64 * 4 + 256,
    },
  );
});

test("without donation the cache is copied, and the old one stays as it was", async () => {
  const kept = jit((cache: A, row: A, i: A) => lax.dynamicUpdateSlice(cache, row, [i, 0]));
  const cache = jnp.zeros([4, 3]);
  const row = jnp.ones([1, 3]);
  const next = kept(cache, row, jnp.array(2));
  assert.equal(await list(next), [
    [0, 0, 0],
    [0, 0, 0],
    [1, 1, 1],
    [0, 0, 0],
  ]);
  assert.equal(await list(cache), new Array(4).fill([0, 0, 0]));
});

test("reading the cache after the update, in the same call, sees the new row; reading it before, the old", async () => {
  const step = jit(
    (cache: A, row: A, i: A) => {
      const before = jnp.sum(cache);
      const next = lax.dynamicUpdateSlice(cache, row, [i, 0]);
      return [next, before, jnp.sum(next)] as const;
    },
    { donateArgnums: 0 },
  );
  let cache = jnp.zeros([4, 3]);
  for (let i = 0; i < 3; i++) {
    const [next, before, after] = step(cache, jnp.ones([1, 3]), jnp.array(i));
    cache = next;
    assert.equal([await before.item(), await after.item()], [3 * i, 3 * i + 3]);
  }
});

test("two updates in a chain are both in place; an update whose old value is a result too is not", async () => {
  const chain = jit((cache: A, a: A, b: A) => lax.dynamicUpdateSlice(lax.dynamicUpdateSlice(cache, a, [1]), b, [2]), {
    donateArgnums: 0,
  });
  const types = [jnp.zeros(6), jnp.ones(2), jnp.full(2, 2, { dtype: "float32" })] as const;
  const compiled = await chain.lower(...types).compile();
  assert.not.ok(compiled.program.segments.some((s) => s.steps.some((step) => step.kind === "copy")));
  assert.equal(await list(chain(...types)), [0, 1, 2, 2, 0, 0]);

  const both = jit((cache: A, a: A) => [cache, lax.dynamicUpdateSlice(cache, a, [1])] as const, { donateArgnums: 0 });
  const [old, next] = both(jnp.zeros(4), jnp.ones(2));
  assert.equal(
    [await list(old), await list(next)],
    [
      [0, 0, 0, 0],
      [0, 1, 1, 0],
    ],
  );
});

const packed: readonly DType[] = ["bfloat16", "float16", "int16", "uint8", "int8", "bool"];
for (const dtype of packed)
  test(`a ${dtype} row at any offset is written in place, and its neighbours keep their values`, async () => {
    const one = jit((cache: A, row: A, i: A) => lax.dynamicUpdateSlice(cache, row, [i]), { donateArgnums: 0 });
    const values = Array.from({ length: 13 }, (_, i) => (dtype === "bool" ? i % 2 : i + 1));
    const row = jnp.array(dtype === "bool" ? [1, 1, 0] : [101, 102, 103]).astype(dtype);
    const lowered = one.lower(jnp.array(values).astype(dtype), row, jnp.array(0));
    const compiled = await lowered.compile();
    assert.not.ok(compiled.program.segments.some((s) => s.steps.some((step) => step.kind === "copy")));
    const want = dtype === "bool" ? [1, 1, 0] : [101, 102, 103];
    for (const at of [0, 1, 2, 3, 5, 9, 10, 12, -1]) {
      const got = await one(jnp.array(values).astype(dtype), row, jnp.array(at)).data();
      const start = Math.max(0, Math.min(at < 0 ? at + 13 : at, 10));
      assert.equal(
        [...got],
        values.map((v, i) => (i >= start && i < start + 3 ? want[i - start] : v)),
        `at ${at}`,
      );
    }
  });

test("a bfloat16 cache [heads, tokens, odd width] takes one token a call in place, as a decode step does", async () => {
  const step = jit((cache: A, kv: A, at: A) => lax.dynamicUpdateSlice(cache, kv, [0, at, 0]), { donateArgnums: 0 });
  let cache = jnp.zeros([2, 5, 3], { dtype: "bfloat16" });
  const want = Array.from({ length: 2 * 5 * 3 }, () => 0);
  await cache.blockUntilReady();
  for (let t = 0; t < 5; t++) {
    const kv = jnp
      .arange(6)
      .reshape([2, 1, 3])
      .add(10 * t + 1)
      .astype("bfloat16");
    cache = step(cache, kv, jnp.array(t));
    for (let h = 0; h < 2; h++) for (let j = 0; j < 3; j++) want[(h * 5 + t) * 3 + j] = h * 3 + j + 10 * t + 1;
  }
  assert.equal([...(await cache.data())], want);
});

test.run();
