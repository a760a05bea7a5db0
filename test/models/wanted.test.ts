/** A prefill that wants one token a row: its state is that among all, and the last layer computes no other. */
import { join } from "node:path";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Caches, type CausalLM, makeCaches } from "../../packages/models/src/model.ts";
import "../setup.ts";
import { fixtures, loadModel } from "./golden.ts";

const int32 = (x: readonly number[] | readonly (readonly number[])[]): jax.Array =>
  jax.numpy.array(x as number[], { dtype: "int32" });

const all = jax.jit((caches: Caches, model: CausalLM, ids: jax.Array, start?: jax.Array) => ({
  hidden: model.call(ids, { start, caches }),
  caches: jax.tree.leaves<jax.Array>(caches),
}));
const one = jax.jit((caches: Caches, model: CausalLM, ids: jax.Array, wanted: jax.Array, start?: jax.Array) => ({
  hidden: model.call(ids, { start, caches, wanted }),
  caches: jax.tree.leaves<jax.Array>(caches),
}));

const batch = 2;
const count = 24;
const places = [23, 6];

for (const type of ["glm4", "glm4_moe_lite"])
  test(`${type}: the state of a wanted token is that among all, and so are the caches, in a first step and a later one`, async () => {
    const { model } = await loadModel(join(fixtures, `${type}-tiny`), "float32");
    const { vocabSize, hiddenSize } = model.config;
    const ids = int32(
      Array.from({ length: batch }, (_, b) =>
        Array.from({ length: count }, (_, i) => (i * 31 + b * 17 + 3) % vocabSize),
      ),
    );
    const empty = (): Caches => makeCaches(model.config, { batch, capacity: 32, dtype: "float32" });
    for (const start of [undefined, int32([3, 5])]) {
      const whole = all(empty(), model, ids, start);
      const picked = one(empty(), model, ids, int32(places), start);
      assert.equal(picked.hidden.shape, [batch, 1, hiddenSize]);
      const [expected, actual] = [await whole.hidden.data(), await picked.hidden.data()];
      const off = Math.max(
        ...places.flatMap((place, b) =>
          Array.from({ length: hiddenSize }, (_, h) =>
            Math.abs(actual[b * hiddenSize + h] - expected[(b * count + place) * hiddenSize + h]),
          ),
        ),
      );
      assert.ok(off <= 2e-5 * Math.max(...expected.map(Math.abs)), `off by ${off}`);
      for (const [i, cache] of picked.caches.entries()) assert.equal(await cache.data(), await whole.caches[i].data());
    }
  });

test("products of the last layer behind keys and values have one row a sequence", async () => {
  const { model } = await loadModel(join(fixtures, "glm4-tiny"), "float32");
  const { numHiddenLayers } = model.config;
  const caches = makeCaches(model.config, { batch: 1, capacity: 32, dtype: "float32" });
  const ids = int32([Array.from({ length: count }, (_, i) => i)]);
  const flops = async (lowered: jax.Lowered): Promise<number> => (await lowered.compile()).costAnalysis().flops;
  const saved =
    (await flops(all.lower(caches, model, ids))) - (await flops(one.lower(caches, model, ids, int32([count - 1]))));
  const { self_attn, mlp } = model.model.layers[numHiddenLayers - 1] as unknown as {
    readonly self_attn: { readonly q_proj: Sized; readonly o_proj: Sized };
    readonly mlp: { readonly gate_up_proj: Sized; readonly down_proj: Sized };
  };
  const products = [self_attn.q_proj, self_attn.o_proj, mlp.gate_up_proj, mlp.down_proj];
  const parameters = products.reduce((sum, { weight }) => sum + weight.size, 0);
  const least = 2 * (count - 1) * parameters;
  // Norms, activations, rotations and attention come on top.
  assert.ok(saved >= least && saved < 1.5 * least, `${saved} operations fewer, ${least} in products`);
});
interface Sized {
  readonly weight: { readonly size: number };
}

test.run();
