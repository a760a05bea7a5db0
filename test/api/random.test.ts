import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const { jit, lax, numpy: jnp, random } = jax;
type A = jax.Array;

const list = (x: A): Promise<unknown> => (x as jax.DeviceArray).toList();
const data = async (x: A): Promise<number[]> => [...(await (x as jax.DeviceArray).data())];
const keyOf = random.key;

test("a key is its seed modulo 2^32", async () => {
  const words = (seed: number): Promise<unknown> => list(random.keyData(keyOf(seed)));
  assert.equal(await words(42), [0, 42]);
  assert.equal(await words(-1), await words(2 ** 32 - 1));
  assert.equal(await words(2 ** 32), [0, 0]);
  assert.equal(await list(random.prngKey(7)), [0, 7]);
});

test("a key is an array of keys of its own type", () => {
  const key = keyOf(0);
  assert.equal([key.shape, key.ndim, key.size, key.dtype], [[], 0, 1, "key<fry>"]);
  const keys = random.split(key, [2, 3]);
  assert.equal([keys.shape, keys.size, String(keys)], [[2, 3], 6, "KeyArray(key<fry>[2,3])"]);
  assert.equal([keys.at(1).get().shape, keys.at(1, 2).get().shape, keys.reshape(6).shape], [[3], [], [6]]);
  assert.equal([...keys].length, 2);
  assert.throws(() => [...key], /single key/);
});

test("arithmetic on keys is refused", () => {
  assert.throws(
    () => jnp.add(keyOf(0) as unknown as A, 1),
    /operands must be arrays, numbers or booleans; got KeyArray/,
  );
});

test("what is no key is refused", () => {
  assert.throws(() => random.normal(jnp.zeros([2])), /must be one of random.key, or uint32\[2\]; got float32\[2\]/);
  assert.throws(() => random.normal(jnp.zeros([3], { dtype: "uint32" })), /got uint32\[3\]/);
  assert.throws(() => random.normal(3 as unknown as A), /got number/);
  assert.throws(() => random.normal(random.split(keyOf(0))), /single key; got keys of shape \[2\]/);
});

test("parts of a split are the key folded with their places, and of the kind of the key", async () => {
  const key = keyOf(5);
  const keys = random.split(key, 4);
  for (let i = 0; i < 4; i++)
    assert.equal(await list(random.keyData(keys.at(i).get())), await list(random.keyData(random.foldIn(key, i))));
  const raw = random.split(random.prngKey(5), 4);
  assert.ok(raw instanceof jax.Array);
  assert.equal(await list(raw), await list(random.keyData(keys)));
});

test("a shorter array begins a longer one", async () => {
  const key = keyOf(9);
  const [short, long] = [await data(random.bits(key, [5])), await data(random.bits(key, [3, 4]))];
  assert.equal(short, long.slice(0, 5));
});

test("keys go through jit, alone and in trees", async () => {
  const draw = jit(({ key, scale }: { key: jax.random.KeyArray; scale: A }) => {
    const [a, b] = random.split(key);
    return { values: random.normal(a, [3]).mul(scale), next: b };
  });
  const { values, next } = draw({ key: keyOf(1), scale: jnp.ones([]) });
  assert.ok(next instanceof random.KeyArray);
  const [a, b] = random.split(keyOf(1));
  assert.equal(await list(values), await list(random.normal(a, [3])));
  assert.equal(await list(random.keyData(next)), await list(random.keyData(b)));
});

test("each key of an array draws what it draws alone", async () => {
  const keys = random.split(keyOf(3), 4);
  const together = jax.vmap((key: jax.random.KeyArray) => random.uniform(key, [3]))(keys) as A;
  const alone = await Promise.all([...keys].map((key) => list(random.uniform(key, [3]))));
  assert.equal(await list(together), alone);
});

test("drawing and using numbers is one kernel", async () => {
  await jax.ready();
  const noisy = jit((key: jax.random.KeyArray, x: A) => x.add(random.normal(key, [64, 33]).mul(0.1)));
  const kernels = noisy.lower(keyOf(0), jnp.zeros([64, 33])).asText("kernels");
  assert.is(kernels.match(/^kernel /gm)?.length, 1, kernels);
});

// ---- distributions: of n draws the mean lies within 5 standard errors ------------------------------

const n = 20000;
async function moments(x: A): Promise<{ mean: number; variance: number; min: number; max: number }> {
  const values = await data(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  return { mean, variance, min: values.reduce((a, b) => Math.min(a, b)), max: values.reduce((a, b) => Math.max(a, b)) };
}
const near = (got: number, want: number, deviation: number): void =>
  assert.ok(Math.abs(got - want) < (5 * deviation) / Math.sqrt(n), `${got} is not near ${want}`);

test("uniform, normal, exponential, Gumbel and truncated numbers have their means and variances", async () => {
  const key = keyOf(11);
  const u = await moments(random.uniform(key, [n], { minval: -1, maxval: 3 }));
  near(u.mean, 1, Math.sqrt(16 / 12));
  assert.ok(u.min >= -1 && u.max < 3);
  const z = await moments(random.normal(key, [n]));
  near(z.mean, 0, 1);
  near(z.variance, 1, Math.SQRT2);
  near((await moments(random.exponential(key, [n]))).mean, 1, 1);
  const euler = 0.5772156649;
  for (const mode of ["low", "high"] as const)
    near((await moments(random.gumbel(key, [n], { mode }))).mean, euler, Math.PI / Math.sqrt(6));
  const t = await moments(random.truncatedNormal(key, -1, 2, { shape: [n] }));
  assert.ok(t.min > -1 && t.max < 2);
});

test("16-bit floats are drawn in steps of their own", async () => {
  for (const [dtype, step] of [
    ["float16", 2 ** -10],
    ["bfloat16", 2 ** -7],
  ] as const) {
    const values = await data(random.uniform(keyOf(2), [500], { dtype }));
    assert.ok(values.every((x) => x >= 0 && x < 1 && Number.isInteger(x / step)));
  }
});

test("integers cover their range and no more", async () => {
  const key = keyOf(4);
  const values = await data(random.randint(key, [2000], -3, 4));
  assert.equal(
    [...new Set(values)].sort((a, b) => a - b),
    [-3, -2, -1, 0, 1, 2, 3],
  );
  const bytes = await data(random.randint(key, [5000], 0, 256, { dtype: "uint8" }));
  assert.is(new Set(bytes).size, 256);
  assert.equal(await list(random.randint(key, [3], 5, 5)), [5, 5, 5]);
  assert.throws(() => random.randint(key, [3], 0, 1.5), /bounds must be 32-bit integers; got 1.5/);
  assert.throws(() => random.randint(key, [3], 0, 2, { dtype: "float32" }), /dtype must be an integer's/);
});

test("events happen as often as their probability says, each by its own", async () => {
  const happened = await data(random.bernoulli(keyOf(6), jnp.array([0, 0.25, 1]), [n, 3]));
  const share = (column: number): number => happened.reduce((sum, x, i) => sum + (i % 3 === column ? x : 0), 0) / n;
  assert.equal([share(0), share(2)], [0, 1]);
  near(share(1), 0.25, Math.sqrt(0.25 * 0.75));
});

test("categories are drawn by their weights; without replacement each once", async () => {
  const logits = jnp.log(jnp.array([0.1, 0.2, 0.7]));
  const drawn = await data(random.categorical(keyOf(8), logits, { shape: [n] }));
  for (const [i, p] of [0.1, 0.2, 0.7].entries())
    near(drawn.filter((x) => x === i).length / n, p, Math.sqrt(p * (1 - p)));
  const order = await data(random.categorical(keyOf(8), logits, { shape: [3], replace: false }));
  assert.equal(order.sort(), [0, 1, 2]);
});

test("a permutation holds every element once, rows keep together unless independent", async () => {
  const key = keyOf(10);
  const order = await data(random.permutation(key, 1000));
  assert.not.equal(order.slice(0, 5), [0, 1, 2, 3, 4]);
  assert.equal(
    order.sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  const rows = jnp.reshape(jnp.arange(12), [4, 3]);
  const shuffled = (await list(random.permutation(key, rows))) as number[][];
  assert.ok(shuffled.every(([a, b, c]) => b === a + 1 && c === a + 2));
  const columns = (await list(random.permutation(key, rows, { axis: 1, independent: true }))) as number[][];
  columns.forEach((row, i) =>
    assert.equal(
      row.sort((a, b) => a - b),
      [3 * i, 3 * i + 1, 3 * i + 2],
    ),
  );
});

test("choices come from the elements, distinct without replacement", async () => {
  const key = keyOf(12);
  const x = jnp.array([10, 20, 30, 40]);
  const some = await data(random.choice(key, x, { shape: [3], replace: false }));
  assert.is(new Set(some).size, 3);
  assert.ok(some.every((v) => [10, 20, 30, 40].includes(v)));
  const sure = await data(random.choice(key, 4, { shape: [5], p: jnp.array([0, 0, 1, 0]) }));
  assert.equal(sure, [2, 2, 2, 2, 2]);
  assert.throws(() => random.choice(key, x, { shape: [5], replace: false }), /got 5 of 4/);
  assert.throws(() => random.choice(key, x, { p: jnp.ones([3]) }), /p must have one number for each of 4 elements/);
});

test("a shape into which parameters do not fit is refused", () => {
  assert.throws(
    () => random.uniform(keyOf(0), [2], { minval: jnp.zeros([3]) }),
    /shapes must be broadcastable; got \[2\]/,
  );
  assert.throws(() => random.normal(keyOf(0), [-1]), /shape must be a list of sizes; got \[-1\]/);
  assert.throws(() => random.normal(keyOf(0), [2], { dtype: "int32" }), /dtype must be a float's; got int32/);
});

test("a sampler draws from the top k in three kernels", async () => {
  const sample = jit((key: jax.random.KeyArray, logits: A) => {
    const [values, places] = lax.topK(logits, 5);
    const chosen = random.categorical(key, values);
    return jnp.takeAlongAxis(places, jnp.expandDims(chosen, -1), { axis: -1 });
  });
  const logits = jnp.arange(5000, { dtype: "float32" }).reshape(1, 5000);
  const kernels = sample.lower(keyOf(0), logits).asText("kernels");
  assert.is(kernels.match(/^kernel /gm)?.length, 3, kernels);
  const [token] = await data(sample(keyOf(0), logits));
  assert.ok(token >= 4995 && token < 5000);
});

test.run();
