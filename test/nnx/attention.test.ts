/** Attention of several heads against Flax. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { arrayOf, assertState, assertTensor, fixture, type Leaf, type Tensor } from "./flax.ts";

await jax.ready();

interface Fixture {
  readonly cases: readonly {
    readonly options: Partial<nnx.MultiHeadAttentionOptions>;
    readonly call: nnx.AttentionCallOptions;
    readonly state: readonly Leaf[];
    readonly inputs: readonly Tensor[];
    readonly out: Tensor;
  }[];
  readonly decode: { readonly inputs: Tensor; readonly out: readonly Tensor[]; readonly state: readonly Leaf[] };
}
const { cases, decode } = fixture<Fixture>("attention.json");

for (const { options, call, state, inputs, out } of cases) {
  const heads = options.numKvHeads ? 4 : 2;
  test(`attention with ${JSON.stringify({ ...options, ...call, inputs: inputs.length })} is Flax's`, async () => {
    const [layer, result] = nnx.jit((q: jax.Array, k?: jax.Array) => {
      const made = new nnx.MultiHeadAttention(heads, 6, { ...options, rngs: new nnx.Rngs(11) });
      return [made, made.call(q, k, undefined, call)] as const;
    })(...(inputs.map(arrayOf) as [jax.Array]));
    await assertState(nnx.state(layer), state, "attention");
    await assertTensor(result, out, "attention");
  });
}

test("decoding token by token gives Flax's results, and its cache", async () => {
  const layer = nnx.jit(() => new nnx.MultiHeadAttention(2, 6, { decode: true, rngs: new nnx.Rngs(11) }))();
  const x = arrayOf(decode.inputs);
  layer.initCache(x.shape);
  const step = nnx.jit((attention: nnx.MultiHeadAttention, token: jax.Array) => attention.call(token), {
    donate: nnx.Cache,
  });
  for (const [t, want] of decode.out.entries())
    await assertTensor(step(layer, x.at(":", jax.slice(t, t + 1)).get()), want, `token ${t}`);
  await assertState(nnx.state(layer, nnx.Cache), decode.state, "cache");
});

test("weights are let out on request, and give the same result", async () => {
  const layer = new nnx.MultiHeadAttention(2, 6, { rngs: new nnx.Rngs(11) });
  const x = arrayOf(cases[0].inputs[0]);
  const run = nnx.capture((m: nnx.MultiHeadAttention) => m.call(x, null, null, { sowWeights: true }));
  const [out, captured] = run(layer);
  await assertTensor(out, cases[0].out, "attention");
  const [weights] = captured.get<nnx.Intermediate<readonly jax.Array[]>>("attentionWeights").get();
  assert.equal(weights.shape, [2, 2, 5, 5]);
  const sums = (await weights.sum({ axis: -1 }).data()) as Float32Array;
  assert.ok(sums.every((sum) => Math.abs(sum - 1) < 1e-6));
});

test("a mask hides keys", async () => {
  const layer = new nnx.MultiHeadAttention(2, 6, { rngs: new nnx.Rngs(11) });
  const x = arrayOf(cases[0].inputs[0]);
  const mask = jax.numpy.tril(jax.numpy.ones([5, 5], { dtype: "bool" }));
  await assertTensor(layer.call(x, x, x, { mask }), cases[2].out, "causal by mask");
});

test("sizes that do not fit, and a missing cache, are refused", () => {
  const rngs = new nnx.Rngs(0);
  assert.throws(
    () => new nnx.MultiHeadAttention(4, 6, { rngs }),
    /MultiHeadAttention: heads must divide features, .*; got 4 heads for 6 features/,
  );
  const layer = new nnx.MultiHeadAttention(2, 6, { decode: true, rngs });
  const x = jax.numpy.ones([2, 1, 6]);
  assert.throws(() => layer.call(x), /decoding wants a cache; got none. Call initCache first/);
  layer.initCache([2, 4, 6]);
  assert.throws(
    () => layer.call(jax.numpy.ones([2, 2, 6])),
    /decoding takes one token at a time; got keys float32\[2,2,2,3\], expected shape \[2,1,2,3\]/,
  );
});

test.run();
