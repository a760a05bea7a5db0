/** Elementwise results in the memory of donated arguments, at the same place of the tree. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;
type Params = { readonly w: A; readonly b: A };
type Moments = { readonly m: Params; readonly v: Params };

const zip = (f: (...leaves: A[]) => A, ...trees: Params[]): Params => ({
  w: f(...trees.map((t) => t.w)),
  b: f(...trees.map((t) => t.b)),
});
const filled = (value: number, rows = 37, columns = 5): Params => ({
  w: jnp.full([rows, columns], value, { dtype: "float32" }),
  b: jnp.full([columns], value, { dtype: "float32" }),
});
const aliased = async (lowered: jax.Lowered): Promise<number> =>
  (await lowered.compile()).memoryAnalysis().aliasSizeBytes;

/** One step of Adam, as in optax without bias correction. */
function adam(p: Params, g: Params, { m, v }: Moments): { p: Params; m: Params; v: Params } {
  const nextM = zip((a, b) => a.mul(0.9).add(b.mul(0.1)), m, g);
  const nextV = zip((a, b) => a.mul(0.99).add(b.mul(b).mul(0.01)), v, g);
  const nextP = zip((x, a, b) => x.sub(a.div(jnp.sqrt(b).add(1e-6)).mul(0.1)), p, nextM, nextV);
  return { p: nextP, m: nextM, v: nextV };
}

test("a step of Adam on donated parameters and moments makes no buffer of their size", async () => {
  const step = jit(
    (p: Params, g: Params, moments: Moments): [Params, Moments] => {
      const { p: next, m, v } = adam(p, g, moments);
      // Keys in another order than the argument's.
      return [next, { v, m }];
    },
    { donateArgnums: [0, 2] },
  );
  const g = filled(0.5);
  let [p, moments]: [Params, Moments] = [filled(1), { m: filled(0), v: filled(0) }];
  for (let i = 0; i < 2; i++) [p, moments] = step(p, g, moments);
  await p.w.blockUntilReady();
  const before = { ...jax.statistics() };
  for (let i = 0; i < 10; i++) [p, moments] = step(p, g, moments);
  await p.w.blockUntilReady();
  const after = jax.statistics();
  assert.is(after.buffersCreated, before.buffersCreated);
  // Parameters, gradients and both moments, and never more.
  assert.is(after.peakBytes, before.bytesInUse);
  // 12 steps by the recurrences.
  let [x, m, v] = [1, 0, 0];
  for (let i = 0; i < 12; i++) {
    m = 0.9 * m + 0.1 * 0.5;
    v = 0.99 * v + 0.01 * 0.25;
    x -= (0.1 * m) / (Math.sqrt(v) + 1e-6);
  }
  for (const got of [...(await p.w.data()), ...(await p.b.data())]) assert.ok(Math.abs(got - x) < 1e-5);
  for (const got of await moments.m.b.data()) assert.ok(Math.abs(got - m) < 1e-6);
  for (const got of await moments.v.w.data()) assert.ok(Math.abs(got - v) < 1e-6);
});

for (const dtype of [
  "float32",
  "int32",
  "uint32",
  "bfloat16",
  "float16",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "bool",
] as const)
  for (const size of [1, 3, 257, 4096])
    test(`${dtype}[${size}]: what is made of a donated array element by element takes its memory`, async () => {
      const next = randomNumbers(size);
      const tensor = () =>
        tensorOf([size], dtype, () => (dtype === "bool" ? Math.floor(2 * next()) : Math.floor(9 * next())));
      const [p, g] = [tensor(), tensor()];
      const f = (x: A, y: A): A =>
        dtype === "bool" ? jnp.logicalXor(x, y) : isFloat(dtype as DType) ? x.sub(y.mul(0.5)) : x.add(y.mul(x));
      const step = jit(f, { donateArgnums: 0 });
      const compiled = await step.lower(onDevice(p), onDevice(g)).compile();
      const { argumentSizeBytes, aliasSizeBytes, outputSizeBytes, temporarySizeBytes } = compiled.memoryAnalysis();
      assert.equal([aliasSizeBytes, temporarySizeBytes], [outputSizeBytes, 0]);
      assert.is(aliasSizeBytes, argumentSizeBytes / 2);
      const [want] = await reference((x, y) => [f(x, y)], [p, g]);
      assert.is(difference(await onHost(step(onDevice(p), onDevice(g))), want), undefined);
    });

test("a training step with its gradient returns all of its state in the memory that it was given", async () => {
  const loss = (p: Params, x: A): A => jnp.square(jnp.tanh(x.dot(p.w).add(p.b)).sub(1)).mean();
  const step = jit(
    (p: Params, moments: Moments, x: A): [Params, Moments, A] => {
      const [value, g] = jax.valueAndGrad(loss)(p, x);
      const { p: next, m, v } = adam(p, g, moments);
      return [next, { m, v }, value];
    },
    { donateArgnums: [0, 1] },
  );
  const compiled = await step.lower(filled(1), { m: filled(0), v: filled(0) }, jnp.ones([16, 37])).compile();
  const { aliasSizeBytes, outputSizeBytes } = compiled.memoryAnalysis();
  // All but the loss.
  assert.is(outputSizeBytes - aliasSizeBytes, 16);
});

test("a whole state, an element at the argument's position, at its rank, or the only one of its structure is its place", async () => {
  const half = (t: Params): Params => zip((x) => x.mul(0.5), t);
  const bytes = 37 * 5 * 4 + 12 + 32;
  const x = jnp.ones([4]);
  const cases: readonly [string, jax.Lowered][] = [
    ["whole", jit((p: Params) => half(p), { donateArgnums: 0 }).lower(filled(1))],
    ["position", jit((y: A, p: Params) => [y.sum(), half(p)], { donateArgnums: 1 }).lower(x, filled(1))],
    ["rank", jit((y: A, p: Params) => [half(p), y.sum()], { donateArgnums: 1 }).lower(x, filled(1))],
    [
      "structure",
      jit((p: Params, y: A) => ({ loss: y.sum(), next: half(p) }), { donateArgnums: 0 }).lower(filled(1), x),
    ],
    ["negative", jit((y: A, p: Params) => [half(p), y.sum()], { donateArgnums: -1 }).lower(x, filled(1))],
  ];
  for (const [name, lowered] of cases) assert.is(await aliased(lowered), bytes, name);
});

test("where the same place is not meant, donateTo names the element of the result", async () => {
  const f = (p: A, q: A): A[] => [jnp.cumsum(p).add(q), q.mul(2), p.mul(3)];
  const to = jit(f, { donateArgnums: [0, 1], donateTo: [2, 1] });
  const [p, q] = [jnp.arange(5).astype("float32"), jnp.ones(5)];
  const results = await Promise.all(to(p, q).map((r) => r.toList()));
  assert.equal(results, [
    [1, 2, 4, 7, 11],
    [2, 2, 2, 2, 2],
    [0, 3, 6, 9, 12],
  ]);
  assert.throws(() => jit(f, { donateArgnums: [0, 1], donateTo: 2 }), /donateTo must name an element.*got 1 for 2/);
});

test("old values that are read elsewhere, or later, are read before they are overwritten", async () => {
  const values = tensorOf([300], "float32", (i) => i);
  const programs: readonly ((x: A) => A | readonly A[])[] = [
    // Other elements of it.
    (x) => x.add(lax.rev(x, [0])),
    (x) => x.mul(2).add(jnp.concatenate([x.slice("1:"), x.slice(":1")])),
    // A fold of it, before and behind.
    (x) => [x.mul(2), x.sum()],
    (x) => x.div(jnp.sqrt(jnp.square(x).sum()).add(1)),
    // Two results of it, of which one has its place.
    (x) => [x.add(1), x.mul(2), x.reshape([20, 15]).T.mul(3)],
  ];
  for (const f of programs) {
    const list = (x: A): A[] => [f(x)].flat() as A[];
    const want = await reference(list, [values]);
    const got = await Promise.all(jit(list, { donateArgnums: 0 })(onDevice(values)).map(onHost));
    want.forEach((w, i) => assert.is(difference(got[i], w, { rel: 1e-5 }), undefined));
  }
});

test("a donated buffer that something else still needs is copied", async () => {
  const x = onDevice(tensorOf([9], "bfloat16", (i) => i));
  const same = jit((a: A) => a)(x);
  const pending = x.mul(2);
  const y = jit((a: A) => a.add(100), { donateArgnums: 0 })(x);
  assert.equal([...(await same.data())], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal([...(await pending.data())], [0, 2, 4, 6, 8, 10, 12, 14, 16]);
  assert.equal([...(await y.data())], [100, 101, 102, 103, 104, 105, 106, 107, 108]);
});

test.run();
